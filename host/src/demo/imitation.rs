//! Imitated providers: as much of GitHub and Stripe as the connectors use, with their errors, pages and limits.

pub mod github;
mod github_data;
pub mod stripe;
mod stripe_data;

pub use github::GitHub;
pub use stripe::Stripe;

use bytes::Bytes;
use serde_json::Value;

use super::recorded::Recorded;

/// A user of a provider: what the account's credential stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name at the provider.
    pub login: String,
    /// The credential.
    pub token: String,
}

impl User {
    /// A user.
    pub fn new(login: &str, token: &str) -> Self {
        Self { login: login.into(), token: token.into() }
    }
}

/// What a provider answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says what was asked for.
    pub(super) fn echo(target: &str) -> Self {
        Self::json(200, &serde_json::json!({ "seen": target }))
    }

    fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }.header("content-type", content_type)
    }

    fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json; charset=utf-8", body.to_string())
    }

    fn text(status: u16, body: &'static str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", body)
    }
}

/// The credential of a request: a bearer token, or GitHub's older `token`.
fn credential(request: &Recorded) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then_some(token)
}

fn number(request: &Recorded, name: &str, default: usize) -> usize {
    request.parameter(name).and_then(|value| value.parse().ok()).unwrap_or(default)
}
