//! Imitated providers: as much of GitHub and Stripe as the connectors use, with their errors, pages and limits.

mod github;
mod github_data;
mod stripe;
mod stripe_data;

pub use github::GitHub;
pub use stripe::Stripe;

use std::sync::{Mutex, PoisonError};

use crate::upstream::{Recorded, Reply};

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

/// Replies that come instead of the imitation's own, each once: rate limits, outages.
#[derive(Debug, Default)]
struct Interruptions(Mutex<Vec<Reply>>);

impl Interruptions {
    fn push(&self, reply: Reply) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
    }

    fn next(&self) -> Option<Reply> {
        let mut replies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!replies.is_empty()).then(|| replies.remove(0))
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
