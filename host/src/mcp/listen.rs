//! Streams on which clients hear that their list of tools has changed.
//!
//! Those who have the same list share one task that looks at it, so that many idle clients cost no more than one. Another
//! one looks at what all of them were opened with, some hundreds at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Endpoint;
use super::limits::{LOOK_AGAIN, STREAM_LIFE, STREAMS, STREAMS_OF_ONE};
use super::list;
use super::message::{RpcError, notification, result};
use super::names::{code, meta};
use super::opener::{self, Opener};
use super::whose::Visitor;
use crate::call::Host;
use crate::model::{Caller, KeyId, ProfileId, ProjectId};

/// Whose list it is: that of a profile, or of one user without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Whose {
    project: ProjectId,
    profile: Option<ProfileId>,
    identifier: Option<String>,
}

/// Who listens now.
#[derive(Debug, Default)]
pub(super) struct Listening(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    /// How often each list has changed since somebody began to listen.
    changes: HashMap<Whose, watch::Sender<u64>>,
    /// Streams of each caller.
    streams: HashMap<KeyId, usize>,
    /// What streams were opened with, how many each, and what ends them.
    openers: HashMap<Opener, (usize, CancellationToken)>,
    /// Whether a task looks at them.
    looking: bool,
    all: usize,
}

/// One stream. It counts until it is dropped.
pub(super) struct Stream {
    listening: Arc<Listening>,
    key: KeyId,
    opener: Opener,
    /// Tells that what it was opened with opens nothing any more.
    ended: CancellationToken,
    changes: watch::Receiver<u64>,
    /// Whether it wants to hear of changes.
    tools: bool,
    until: Instant,
    /// The name of the request that opened it; `None` in the earlier revisions.
    subscription: Option<Value>,
    /// What is sent before anything else.
    first: Option<Value>,
    over: bool,
}

impl Stream {
    /// Opens one, which says first what it tells of if it has a name.
    ///
    /// # Errors
    ///
    /// Where there are as many as there may be.
    pub(super) fn open(
        endpoint: &Endpoint,
        visitor: &Visitor,
        subscription: Option<Value>,
        tools: bool,
    ) -> Result<Self, RpcError> {
        let listening = Arc::clone(&endpoint.listening);
        let (changes, ended) = listening.enter(&endpoint.host, visitor)?;
        let told = if tools { json!({ "toolsListChanged": true }) } else { json!({}) };
        let first = subscription.is_some().then(|| {
            let params = tagged(json!({ "notifications": told }), subscription.as_ref());
            notification("notifications/subscriptions/acknowledged", params)
        });
        let (key, opener) = (visitor.caller.key.clone(), visitor.opener.clone());
        let until = Instant::now() + STREAM_LIFE;
        Ok(Self { listening, key, opener, ended, changes, tools, until, subscription, first, over: false })
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Value> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.over {
            let changed = tokio::select! {
                biased;
                () = self.ended.cancelled() => false,
                changed = self.changes.changed() => changed.is_ok(),
                () = tokio::time::sleep_until(self.until) => false,
            };
            self.over = !changed;
            if changed && self.tools {
                let params = tagged(json!({}), self.subscription.as_ref());
                return Some(notification("notifications/tools/list_changed", params));
            }
        }
        let id = self.subscription.take()?;
        Some(result(&id, json!({ "resultType": "complete", "_meta": { meta::SUBSCRIPTION: id } })))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut lists = self.listening.lists();
        lists.all = lists.all.saturating_sub(1);
        if let Some(count) = lists.streams.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                lists.streams.remove(&self.key);
            }
        }
        if let Some((count, _)) = lists.openers.get_mut(&self.opener) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                lists.openers.remove(&self.opener);
            }
        }
    }
}

impl Listening {
    fn lists(&self) -> std::sync::MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a stream, and gives what it hears by of changes and of its end.
    fn enter(
        self: &Arc<Self>,
        host: &Host,
        visitor: &Visitor,
    ) -> Result<(watch::Receiver<u64>, CancellationToken), RpcError> {
        let caller = &visitor.caller;
        let mut lists = self.lists();
        let own = lists.streams.get(&caller.key).copied().unwrap_or_default();
        if lists.all >= STREAMS || own >= STREAMS_OF_ONE {
            return Err(RpcError::new(code::TOO_MANY, "there are as many open streams as there may be: close one"));
        }
        lists.all += 1;
        lists.streams.insert(caller.key.clone(), own + 1);
        if !std::mem::replace(&mut lists.looking, true) {
            tokio::spawn(Arc::clone(self).look_at_openers(host.clone()));
        }
        let (count, ended) = lists.openers.entry(visitor.opener.clone()).or_default();
        *count += 1;
        let ended = ended.clone();
        let whose = Whose {
            project: caller.project.clone(),
            profile: caller.profile.as_ref().map(|profile| profile.id.clone()),
            identifier: caller.identifier.clone().filter(|_| caller.profile.is_none()),
        };
        if let Some(changes) = lists.changes.get(&whose) {
            return Ok((changes.subscribe(), ended));
        }
        let (sender, receiver) = watch::channel(0);
        lists.changes.insert(whose.clone(), sender);
        drop(lists);
        tokio::spawn(Arc::clone(self).look(host.clone(), caller.clone(), whose));
        Ok((receiver, ended))
    }

    /// Ends streams whose opener opens nothing any more, for as long as there are streams.
    async fn look_at_openers(self: Arc<Self>, host: Host) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let openers: Vec<Opener> = self.lists().openers.keys().cloned().collect();
            let gone = opener::gone(&host, openers).await.unwrap_or_else(|error| {
                tracing::error!(%error, "what streams were opened with could not be looked at");
                Vec::new()
            });
            let mut lists = self.lists();
            for (_, ended) in gone.iter().filter_map(|gone| lists.openers.get(gone)) {
                ended.cancel();
            }
            if lists.openers.is_empty() {
                lists.looking = false;
                return;
            }
        }
    }

    /// Looks at a list from time to time, for as long as somebody listens.
    async fn look(self: Arc<Self>, host: Host, caller: Caller, whose: Whose) {
        let mut last = list::fingerprint(&host, &caller).await.ok();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = list::fingerprint(&host, &caller).await.ok();
            let mut lists = self.lists();
            let Some(changes) = lists.changes.get(&whose) else { return };
            if changes.receiver_count() == 0 || host.is_draining() {
                // Those who still listen hear that this is the end.
                lists.changes.remove(&whose);
                return;
            }
            if now.is_some() && now != last {
                changes.send_modify(|changed| *changed += 1);
                last = now;
            }
        }
    }
}

fn tagged(mut params: Value, subscription: Option<&Value>) -> Value {
    if let Some(id) = subscription {
        params["_meta"] = json!({ meta::SUBSCRIPTION: id });
    }
    params
}
