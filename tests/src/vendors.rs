//! What the makers of model APIs publish of their requests: the types, and what each makes of a schema in its strict mode.

use serde_json::Value;

use crate::independent;
use crate::python::PythonProgram;

/// What pip installs: another version knows other types.
const PACKAGES: [&str; 3] = ["openai==3.54.0", "anthropic==2.12.0", "google-genai==3.4.0"];

/// Something in the form of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of a request's `tools`.
    Tool,
    /// What a model wrote.
    Call,
    /// What a model is told.
    Result,
}

/// Something to be held against its vendor's types.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is.
    pub kind: Kind,
    /// The API, as [`gloveport::formats::Format::as_str`] has it.
    pub format: &'static str,
    /// The thing.
    pub value: Value,
}

/// What is wrong with each of these, in order: `None` for what its vendor's types take, and what its vendor's helper makes
/// strict by leaving it as it is. `None` at all where the types cannot be had, which is said on standard error.
///
/// # Panics
///
/// When the program ends with an error.
pub async fn judged(cases: &[Case]) -> Option<Vec<Option<String>>> {
    let program = PythonProgram::of("vendors.py", include_str!("../independent/vendors.py"), &PACKAGES).await?;
    let line = |Case { kind, format, value }: &Case| {
        let kind = match kind {
            Kind::Tool => "tool",
            Kind::Call => "call",
            Kind::Result => "result",
        };
        serde_json::json!({ "kind": kind, "format": format, "value": value })
    };
    let lines: Vec<_> = cases.iter().map(line).collect();
    let verdicts = independent::verdicts(program.command(), &lines).await;
    assert_eq!(verdicts.len(), cases.len(), "one line for each");
    Some(verdicts)
}
