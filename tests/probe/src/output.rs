//! Outputs: unchanged, gigantic, malformed, none at all.

use gloveport_sdk::__private::{ToolFn, ToolSpec};
use gloveport_sdk::{Failure, Json, tool};
use schemars::JsonSchema;
use serde::Deserialize;

/// Answers its input unchanged, to the last digit.
#[tool(effect = read)]
pub fn echo(input: Json) -> Result<Json, Failure> {
    Ok(input)
}

/// Takes no input and answers null.
#[tool(effect = read)]
pub fn say_nothing() -> Result<(), Failure> {
    Ok(())
}

/// Answers a list, which arrives wrapped.
#[tool(effect = read)]
pub fn list() -> Result<Vec<u64>, Failure> {
    Ok(vec![1, u64::MAX])
}

/// How much.
#[derive(Deserialize, JsonSchema)]
pub struct Size {
    /// A number of bytes.
    bytes: usize,
}

/// Answers a text of many bytes.
#[tool(effect = read)]
pub fn gigantic_output(input: Size) -> Result<String, Failure> {
    Ok("x".repeat(input.bytes))
}

/// Which failure.
#[derive(Deserialize, JsonSchema)]
pub struct Fail {
    /// Name of the variant, as in the contract.
    kind: String,
    /// Text of the failure.
    message: String,
    /// Status for `upstream`.
    status: Option<u16>,
    /// Wait for `rate-limited`.
    retry_after_ms: Option<u64>,
}

/// Answers the failure that is asked for.
#[tool(effect = read)]
pub fn fail(input: Fail) -> Result<(), Failure> {
    let message = input.message;
    Err(match input.kind.as_str() {
        "invalid-input" => Failure::invalid_input("/kind", message),
        "not-found" => Failure::not_found(message),
        "denied" => Failure::denied(message),
        "auth-required" => Failure::auth_required(message),
        "rate-limited" => Failure::rate_limited(input.retry_after_ms, message),
        "upstream" => Failure::upstream(input.status.unwrap_or(500), Some("probe_code".into()), message),
        "unsupported" => Failure::unsupported(message),
        "internal" => Failure::internal(message),
        other => Failure::invalid_input("/kind", format!("`{other}` is no failure")),
    })
}

/// Executes the instruction `unreachable`.
#[tool(effect = read)]
pub fn trap() -> Result<(), Failure> {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    Err(Failure::unsupported("only a component can trap"))
}

/// Panics with a text that must not get out.
#[tool(effect = read)]
pub fn panic() -> Result<(), Failure> {
    std::panic::panic_any("the probe panics on purpose".to_owned())
}

/// A tool whose output is written by hand, because the SDK writes none that is wrong.
macro_rules! by_hand {
    ($name:ident, $description:literal, $schema:expr, $output:expr) => {
        #[doc = $description]
        #[expect(non_camel_case_types, reason = "`#[tool]` names its types after functions too")]
        pub enum $name {}

        impl ToolFn for $name {
            const SPEC: ToolSpec = ToolSpec {
                name: stringify!($name),
                title: stringify!($name),
                description: $description,
                effect: gloveport_sdk::__private::Effect::Read,
                routes: &[],
                scopes: &[],
                tags: &[],
                aliases: &[],
                deferred: false,
            };

            fn input_schema() -> String {
                r#"{"type":"object","properties":{},"additionalProperties":false}"#.into()
            }

            fn output_schema() -> String {
                $schema.into()
            }

            fn call(_: &str) -> Result<String, Failure> {
                Ok($output)
            }
        }
    };
}

by_hand!(invalid_utf8_output, "Answers bytes that are not UTF-8.", "{}", not_utf8());
by_hand!(bad_json_output, "Answers text that is not JSON.", "{}", r#"{"half": "#.into());
by_hand!(
    output_against_schema,
    "Answers JSON that its output schema forbids.",
    r#"{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}"#,
    r#"{"id":"seven"}"#.into()
);

#[expect(unsafe_code, reason = "the point is to break the contract that strings are UTF-8; nothing here reads it")]
fn not_utf8() -> String {
    // SAFETY: broken on purpose; the bytes are only copied out of the sandbox, whose host must check them.
    unsafe { String::from_utf8_unchecked(vec![b'"', 0xff, 0xfe, 0xc0, 0x80, b'"']) }
}
