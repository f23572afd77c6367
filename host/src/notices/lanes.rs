//! Who is sent to now: one lane for each webhook, so that a slow receiver holds up nobody but itself.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinSet};

use super::limits::MAX_LANES;
use crate::model::WebhookId;

/// The lanes of one host.
pub(super) struct Lanes {
    tasks: JoinSet<()>,
    of: HashMap<Id, WebhookId>,
    /// When each webhook that waits was last begun with, counted in lanes.
    served: HashMap<WebhookId, u64>,
    begun: u64,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), of: HashMap::new(), served: HashMap::new(), begun: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Which of those that wait to begin with now: the ones that were served longest ago, and otherwise in their order.
    pub(super) fn next(&mut self, waiting: Vec<WebhookId>) -> Vec<WebhookId> {
        self.served.retain(|webhook, _| waiting.contains(webhook));
        let mut next: Vec<WebhookId> =
            waiting.into_iter().filter(|webhook| !self.of.values().any(|busy| busy == webhook)).collect();
        next.sort_by_key(|webhook| self.served.get(webhook).copied().unwrap_or_default());
        next.truncate(MAX_LANES.saturating_sub(self.tasks.len()));
        next
    }

    pub(super) fn begin(&mut self, webhook: WebhookId, work: impl Future<Output = ()> + Send + 'static) {
        self.begun += 1;
        self.served.insert(webhook.clone(), self.begun);
        let task = self.tasks.spawn(work);
        self.of.insert(task.id(), webhook);
    }

    /// Waits until one has ended, however it did; at once if there is none.
    pub(super) async fn one_ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                tracing::error!("a lane of notices ended abnormally");
                error.id()
            }
            None => return,
        };
        self.of.remove(&id);
    }

    pub(super) async fn all_ended(&mut self) {
        while !self.is_empty() {
            self.one_ended().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock, Random};

    #[tokio::test]
    async fn lanes_are_few_and_everybody_has_a_turn() {
        let ids: Vec<_> = (0..MAX_LANES * 2).map(|_| WebhookId::new(&Clock::system(), &Random::system())).collect();
        let mut lanes = Lanes::new();
        let first = lanes.next(ids.clone());
        assert_eq!(first, ids[..MAX_LANES]);
        for id in first {
            lanes.begin(id, std::future::pending());
        }
        assert!(lanes.next(ids.clone()).is_empty(), "there is no room");
        lanes.tasks.abort_all();
        lanes.all_ended().await;
        assert_eq!(lanes.next(ids.clone()), ids[MAX_LANES..], "those who have waited");
        lanes.begin(ids[0].clone(), std::future::pending());
        assert!(!lanes.next(ids.clone()).contains(&ids[0]), "it is sent to");
    }

    #[tokio::test]
    async fn a_lane_that_panics_is_over() {
        let id = WebhookId::new(&Clock::system(), &Random::system());
        let mut lanes = Lanes::new();
        lanes.begin(id.clone(), async { panic!("on purpose") });
        lanes.one_ended().await;
        assert_eq!(lanes.next(vec![id.clone()]), [id]);
    }
}
