//! Calls of clients of the earlier revisions, which say in a request of its own that one is no longer wanted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::model::KeyId;

/// Calls that run, by who asked and what they call the request.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<Calls>);

type Calls = HashMap<(KeyId, String), Vec<CancellationToken>>;

/// A call on the list; it leaves it when this is dropped.
pub(super) struct Entered {
    running: Arc<Running>,
    name: (KeyId, String),
    token: CancellationToken,
}

impl Running {
    /// Puts a call on the list.
    pub(super) fn enter(self: &Arc<Self>, key: &KeyId, id: &Value, token: &CancellationToken) -> Entered {
        let name = (key.clone(), id.to_string());
        self.calls().entry(name.clone()).or_default().push(token.clone());
        Entered { running: Arc::clone(self), name, token: token.clone() }
    }

    /// Stops the call that a client names so. Where two programs of one user have given the same name to different calls,
    /// none is stopped: it might be the wrong one.
    pub(super) fn stop(&self, key: &KeyId, id: &Value) {
        if let Some([one]) = self.calls().get(&(key.clone(), id.to_string())).map(Vec::as_slice) {
            one.cancel();
        }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Cancelled once it is over, which changes nothing, so that it is told from one of the same name.
        self.token.cancel();
        let mut calls = self.running.calls();
        if let Some(tokens) = calls.get_mut(&self.name) {
            tokens.retain(|token| !token.is_cancelled());
            if tokens.is_empty() {
                calls.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Clock, Random};

    #[test]
    fn one_call_is_stopped_and_no_other() {
        let running = Arc::new(Running::default());
        let key = || KeyId::new(&Clock::system(), &Random::system());
        let (ada, eve, token) = (key(), key(), CancellationToken::new());
        let entered = running.enter(&ada, &json!(1), &token);
        for (key, id) in [(&eve, json!(1)), (&ada, json!("1")), (&ada, json!(2))] {
            running.stop(key, &id);
            assert!(!token.is_cancelled(), "{id}");
        }
        let other = CancellationToken::new();
        let second = running.enter(&ada, &json!(1), &other);
        running.stop(&ada, &json!(1));
        assert!(!token.is_cancelled() && !other.is_cancelled(), "two of one name");
        drop(second);
        running.stop(&ada, &json!(1));
        assert!(token.is_cancelled());
        drop(entered);
        assert!(running.calls().is_empty());
    }
}
