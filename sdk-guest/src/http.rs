//! The one way out: a request builder, and responses that turn into failures.
//!
//! ```
//! use gloveport_sdk::http::Request;
//! use gloveport_sdk::{Failure, path};
//!
//! fn title(owner: &str, number: u64) -> Result<String, Failure> {
//!     let response = Request::get(path!("/repos/{owner}/issues/{number}")).query("page", 2).send()?.error_for_status()?;
//!     response.json::<String>()
//! }
//! # use gloveport_sdk::fake_host::{FakeHost, Reply};
//! # let host = FakeHost::new().on("GET", "/repos/a%2Fb/issues/7", Reply::json(200, "it"));
//! # assert_eq!(host.run(|| title("a/b", 7)), Ok("it".to_owned()));
//! ```

mod path;
mod request;
mod response;

pub use crate::bindings::gloveport::connector::http::{Error, Part};
pub use path::{Path, PathBuilder};
pub use request::{Request, send_all};
pub use response::{ErrorDetail, Response};
