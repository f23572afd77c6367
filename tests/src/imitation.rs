//! The imitated providers of the host's demo as upstreams of tests, which can also be out of order.

use std::sync::{Arc, Mutex, PoisonError};

use gloveport::demo::imitation::{self, github, stripe};

pub use gloveport::demo::imitation::User;

use crate::upstream::{Reply, Upstream};

/// An imitated GitHub with a few users.
pub struct GitHub {
    upstream: Upstream,
    interruptions: Arc<Interruptions>,
}

/// An imitated Stripe with a few accounts.
pub struct Stripe {
    upstream: Upstream,
    interruptions: Arc<Interruptions>,
    books: Arc<Mutex<imitation::Stripe>>,
}

/// Replies that come instead of the imitation's own, each once: rate limits, outages.
#[derive(Debug, Default)]
struct Interruptions(Mutex<Vec<Reply>>);

impl GitHub {
    /// GitHub with these users. Each has a private repository `notes`; all see `acme/widgets`.
    pub async fn start(users: Vec<User>) -> Self {
        let state = Mutex::new(imitation::GitHub::new(users));
        let interruptions = Arc::new(Interruptions::default());
        let before = Arc::clone(&interruptions);
        let upstream =
            Upstream::start(move |request| before.next().unwrap_or_else(|| locked(&state).answer(request).into()))
                .await;
        Self { upstream, interruptions }
    }

    /// The server, with what it recorded.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The next request is refused: the hour's requests are used up, until this time in Unix seconds.
    pub fn exhaust(&self, reset: u64) {
        let message = "API rate limit exceeded for user ID 1.";
        let reply = github::problem(403, message)
            .header("x-ratelimit-limit", "5000")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", reset.to_string())
            .header("x-ratelimit-resource", "core");
        self.interruptions.push(reply.into());
    }

    /// The next request is refused: too many in a short time.
    pub fn slow_down(&self, status: u16, retry_after: u64) {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        self.interruptions.push(github::problem(status, message).header("retry-after", retry_after.to_string()).into());
    }

    /// The next request gets this answer.
    pub fn interrupt(&self, reply: Reply) {
        self.interruptions.push(reply);
    }
}

impl Stripe {
    /// Stripe with these accounts, whose tokens are their secret keys.
    pub async fn start(users: Vec<User>) -> Self {
        let books = Arc::new(Mutex::new(imitation::Stripe::new(users)));
        let interruptions = Arc::new(Interruptions::default());
        let (state, before) = (Arc::clone(&books), Arc::clone(&interruptions));
        let upstream =
            Upstream::start(move |request| before.next().unwrap_or_else(|| locked(&state).answer(request).into()))
                .await;
        Self { upstream, interruptions, books }
    }

    /// The server, with what it recorded.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// How many refunds were really made for an account: what a retried write must not raise.
    pub fn refunds(&self, token: &str) -> usize {
        locked(&self.books).refunds(token)
    }

    /// The next request is refused: too many at once.
    pub fn slow_down(&self) {
        let (status, body) =
            stripe::error(429, "invalid_request_error", "rate_limit", "Request rate limit exceeded.", None);
        self.interruptions.push(Reply::json(status, &body).header("stripe-rate-limited-reason", "global-rate"));
    }

    /// The next request gets this answer.
    pub fn interrupt(&self, reply: Reply) {
        self.interruptions.push(reply);
    }
}

impl Interruptions {
    fn push(&self, reply: Reply) {
        locked(&self.0).push(reply);
    }

    fn next(&self) -> Option<Reply> {
        let mut replies = locked(&self.0);
        (!replies.is_empty()).then(|| replies.remove(0))
    }
}

impl From<imitation::Reply> for Reply {
    fn from(reply: imitation::Reply) -> Self {
        let headers = reply.headers.iter();
        headers.fold(Self::whole(reply.status, reply.body.clone()), |all, (name, value)| all.header(name, value))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
