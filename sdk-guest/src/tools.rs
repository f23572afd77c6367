//! Other tools, called through the host: same caller, same user, same policies. Wants `tools` among the connector's
//! `imports`.
//!
//! A call that has to wait for a person makes this one wait, too: it goes on with the result when that one has ended.
//!
//! ```
//! use gloveport_sdk::{Failure, tools};
//! use serde_json::{Value, json};
//!
//! fn title() -> Result<String, Failure> {
//!     let issue: Value = tools::call("github_issues_get", &json!({ "owner": "a", "repo": "b", "number": 7 }))?;
//!     Ok(issue["title"].as_str().unwrap_or_default().to_owned())
//! }
//! # use gloveport_sdk::fake_host::FakeHost;
//! # let host = FakeHost::new().tool("github_issues_get", Ok(json!({ "title": "it" })));
//! # assert_eq!(host.run(title), Ok("it".to_owned()));
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;
use crate::bindings::gloveport::connector::tools::Invocation;

/// A call of another tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall(Invocation);

impl ToolCall {
    /// Of the tool with this name or alias.
    ///
    /// # Errors
    ///
    /// When `input` has no JSON.
    pub fn new(tool: &str, input: &impl Serialize) -> Result<Self, Failure> {
        let input = serde_json::to_string(input)?;
        Ok(Self(Invocation { tool: tool.into(), input, connection: None, account: None }))
    }

    /// Through the connection of this name, where the user has accounts on several.
    pub fn connection(mut self, name: &str) -> Self {
        self.0.connection = Some(name.into());
        self
    }

    /// As the account with this id, where the user has several.
    pub fn account(mut self, id: &str) -> Self {
        self.0.account = Some(id.into());
        self
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// What the tool, or the host in its place, answers; and when the output is no `T`.
    pub fn send<T: DeserializeOwned>(self) -> Result<T, Failure> {
        read(&self.0.tool, crate::host::call(&self.0))
    }
}

/// Calls the tool with this name or alias.
///
/// # Errors
///
/// Those of [`ToolCall::new`] and [`ToolCall::send`].
pub fn call<T: DeserializeOwned>(tool: &str, input: &impl Serialize) -> Result<T, Failure> {
    ToolCall::new(tool, input)?.send()
}

/// Calls several at once, and answers in their order.
pub fn call_all<T: DeserializeOwned>(calls: Vec<ToolCall>) -> Vec<Result<T, Failure>> {
    let invocations: Vec<_> = calls.into_iter().map(|call| call.0).collect();
    let results = crate::host::call_all(&invocations);
    invocations.iter().zip(results).map(|(invocation, result)| read(&invocation.tool, result)).collect()
}

fn read<T: DeserializeOwned>(tool: &str, result: Result<String, Failure>) -> Result<T, Failure> {
    serde_json::from_str(&result?).map_err(|error| Failure::internal(format!("the output of `{tool}`: {error}")))
}
