//! What only the user can say: a code, a choice. Wants `input` among the connector's `imports`.
//!
//! The call waits for the answer, which may come days later; a connector is written as if it came at once.
//!
//! ```
//! use gloveport_sdk::{Failure, input};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Code {
//!     /// Six digits.
//!     code: String,
//! }
//!
//! fn code() -> Result<String, Failure> {
//!     Ok(input::request::<Code>("Which code was sent to you?")?.code)
//! }
//! # use gloveport_sdk::fake_host::FakeHost;
//! # let host = FakeHost::new().answer(serde_json::json!({ "code": "123456" }));
//! # assert_eq!(host.run(code), Ok("123456".to_owned()));
//! # assert_eq!(host.questions(), ["Which code was sent to you?"]);
//! ```

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Failure, schema};

/// Asks the user one sentence; the answer's schema is that of `T`.
///
/// # Errors
///
/// When an answer that satisfies the schema is no `T` all the same.
pub fn request<T: DeserializeOwned + JsonSchema>(question: &str) -> Result<T, Failure> {
    let answer = crate::host::request(question, &schema::of_answer::<T>().to_string());
    serde_json::from_str(&answer).map_err(|error| Failure::internal(format!("the answer of the user: {error}")))
}
