//! What happened in a call, in order: the requests from its own record, the rest from the rows that say so anyway.

use serde::{Deserialize, Serialize};

use super::{Host, faults};
use crate::egress::Attempt;
use crate::model::{ApprovalState, Execution, ExecutionStatus, Fault, Timestamp};

/// A request as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Milliseconds since 1970.
    at: i64,
    /// Which request of the call.
    request: u32,
    attempt: u32,
    method: String,
    status: Option<u16>,
    again_after_ms: Option<u64>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What: `decided`, `started`, `simulated`, `request`, `waiting`, `approved`, `rejected`, `expired`, `cancelled` or `finished`.
    pub step: &'static str,
    /// More of it, for people.
    pub detail: Option<String>,
    /// Of a request.
    pub request: Option<Sent>,
}

/// One attempt at a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which request of the call, from 1.
    pub number: u32,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// HTTP method.
    pub method: String,
    /// The answer's status; `None` if there was none.
    pub status: Option<u16>,
    /// How long was waited before it was sent again, in milliseconds; `None` if it was not.
    pub again_after_ms: Option<u64>,
}

/// The requests of a run that began at `began`, after those of the runs before it: as they are kept. `None` if there are
/// none.
pub(super) fn written(before: Option<&str>, began: Timestamp, attempts: &[Attempt]) -> Option<String> {
    let mut lines = before.map(read).unwrap_or_default();
    let earlier = lines.last().map_or(0, |line| line.request);
    lines.extend(attempts.iter().map(|attempt| Line {
        at: began.plus(attempt.began).0,
        request: earlier + attempt.request,
        attempt: attempt.attempt,
        method: attempt.method.clone(),
        status: attempt.status,
        again_after_ms: attempt.again_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    }));
    // Texts and numbers: there is nothing that JSON could not hold.
    (!lines.is_empty()).then(|| serde_json::to_string(&lines).unwrap_or_default())
}

/// All that is known of an execution, in order.
pub async fn timeline(host: &Host, execution: &Execution) -> Result<Vec<Event>, Fault> {
    let store = &host.store;
    let approvals = store.approvals_of(&execution.project, &execution.id).await.map_err(faults::store)?;
    let requests = store.timeline(&execution.project, &execution.id).await.map_err(faults::store)?;
    let event = |at, step, detail| Event { at, step, detail, request: None };
    let decided = match (execution.status, approvals.first()) {
        (ExecutionStatus::Denied, _) => "denied".to_owned(),
        (_, Some(approval)) => format!("a person is asked {}: {}", approval.at.replace('_', " "), approval.why),
        (_, None) => "allowed".to_owned(),
    };
    let mut events = vec![event(execution.started_at, "decided", Some(decided))];
    let before = approvals.first().is_some_and(|approval| approval.request.is_none());
    if execution.status != ExecutionStatus::Denied && !before && execution.through.is_some() {
        events.extend(began(execution, execution.started_at));
    }
    let mut later = Vec::new();
    for approval in approvals {
        later.push(event(approval.created_at, "waiting", Some(approval.id.to_string())));
        if let (Some(at), state) = (approval.decided_at, approval.state)
            && state != ApprovalState::Pending
        {
            later.push(event(at, state.as_str(), approval.reason));
            if state == ApprovalState::Approved && approval.request.is_none() && execution.through.is_some() {
                later.extend(began(execution, at));
            }
        }
    }
    later.extend(requests.as_deref().map(read).unwrap_or_default().into_iter().map(Line::event));
    // Stable: what happened in the same millisecond stays in its order.
    later.sort_by_key(|event| event.at);
    events.extend(later);
    if let Some(at) = execution.finished_at {
        events.push(event(at, "finished", Some(execution.status.as_str().to_owned())));
    }
    Ok(events)
}

/// A call begins, and it is said if nothing leaves for it.
fn began(execution: &Execution, at: Timestamp) -> Vec<Event> {
    let event = |step, detail| Event { at, step, detail, request: None };
    let nothing = "the connection is in demo mode: nothing leaves, and the answer is made up";
    let simulated = execution.simulated.then(|| event("simulated", Some(nothing.to_owned())));
    std::iter::once(event("started", None)).chain(simulated).collect()
}

fn read(text: &str) -> Vec<Line> {
    serde_json::from_str(text).unwrap_or_default()
}

impl Line {
    fn event(self) -> Event {
        let Self { at, request, attempt, method, status, again_after_ms } = self;
        let sent = Sent { number: request, attempt, method, status, again_after_ms };
        Event { at: Timestamp(at), step: "request", detail: None, request: Some(sent) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn attempt(request: u32, attempt: u32, status: Option<u16>) -> Attempt {
        let began = Duration::from_millis(u64::from(request * 10 + attempt));
        Attempt { request, attempt, method: "GET".into(), began, status, again_after: None }
    }

    #[test]
    fn the_runs_of_a_call_count_on() {
        assert_eq!(written(None, Timestamp(0), &[]), None);
        let first = written(None, Timestamp(1_000), &[attempt(1, 1, Some(429)), attempt(1, 2, Some(200))]).unwrap();
        assert_eq!(written(Some(&first), Timestamp(5_000), &[]), Some(first.clone()));
        let second = written(Some(&first), Timestamp(5_000), &[attempt(1, 1, None)]).unwrap();
        let lines = read(&second);
        let numbers: Vec<_> = lines.iter().map(|line| (line.at, line.request, line.attempt, line.status)).collect();
        assert_eq!(numbers, [(1_011, 1, 1, Some(429)), (1_012, 1, 2, Some(200)), (5_011, 2, 1, None)]);
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        for text in ["", "{}", "[1]", "[{}]", "null"] {
            assert_eq!(read(text), [], "{text}");
        }
    }
}
