//! What happened in a call, in order: what has no row of its own from its record, the rest from the rows that say so.

use serde::{Deserialize, Serialize};

use super::{Host, faults};
use crate::egress::Attempt;
use crate::model::{Approval, ApprovalState, Execution, ExecutionStatus, Fault, ModifierId, Timestamp, When};

/// One thing as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Request(RequestLine),
    Modified(Modified),
    Noted(Noted),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RequestLine {
    /// Milliseconds since 1970.
    at: i64,
    /// Which request of the call.
    request: u32,
    attempt: u32,
    method: String,
    status: Option<u16>,
    again_after_ms: Option<u64>,
}

/// A modifier that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    /// Milliseconds since 1970.
    at: i64,
    /// Its identifier.
    pub modifier: String,
    /// Its name.
    pub name: String,
    /// `before` or `after`.
    pub when: String,
    /// The revision of the project's modifiers that it was of: with the audit chain, that tells what it did.
    pub revision: i64,
}

impl Modified {
    pub(super) fn now(host: &Host, id: &ModifierId, name: &str, when: When, revision: i64) -> Self {
        let (modifier, name, when) = (id.to_string(), name.to_owned(), when.as_str().to_owned());
        Self { at: host.clock.now().0, modifier, name, when, revision }
    }
}

/// Something else that happened and has no row of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// Milliseconds since 1970.
    at: i64,
    step: Step,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What can be noted of a call that waits for no approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// Its user is asked something.
    Asked,
    /// Its user answered.
    Answered,
    /// It waits for calls that it made.
    AwaitsCalls,
    /// They have ended.
    CallsEnded,
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Answered => "answered",
            Self::AwaitsCalls => "awaits_calls",
            Self::CallsEnded => "calls_ended",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What: `decided`, `modified`, `started`, `simulated`, `request`, `waiting`, `approved`, `rejected`, `expired`,
    /// `cancelled`, `asked`, `answered`, `awaits_calls`, `calls_ended` or `finished`.
    pub step: &'static str,
    /// More of it, for people.
    pub detail: Option<String>,
    /// Of a request.
    pub request: Option<Sent>,
    /// Of a modifier that ran.
    pub modifier: Option<Modified>,
}

impl Event {
    fn new(at: Timestamp, step: &'static str, detail: Option<String>) -> Self {
        Self { at, step, detail, request: None, modifier: None }
    }
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

/// What happened before a call's record begins, as it is kept. `None` if nothing did.
pub(super) fn begun(modified: &[Modified]) -> Option<String> {
    with(None, modified)
}

/// What is kept, and the modifiers that ran since.
pub(super) fn with(before: Option<&str>, modified: &[Modified]) -> Option<String> {
    let mut lines = before.map(read).unwrap_or_default();
    lines.extend(modified.iter().cloned().map(Line::Modified));
    kept(&lines)
}

/// What is kept, and the requests of a run that began at `began`: they count on from those of the runs before. `None` if
/// there is nothing.
pub(super) fn written(before: Option<&str>, began: Timestamp, attempts: &[Attempt]) -> Option<String> {
    let mut lines = before.map(read).unwrap_or_default();
    let number = |line: &Line| match line {
        Line::Request(line) => Some(line.request),
        Line::Modified(_) | Line::Noted(_) => None,
    };
    let earlier = lines.iter().rev().find_map(number).unwrap_or(0);
    lines.extend(attempts.iter().map(|attempt| {
        Line::Request(RequestLine {
            at: began.plus(attempt.began).0,
            request: earlier + attempt.request,
            attempt: attempt.attempt,
            method: attempt.method.clone(),
            status: attempt.status,
            again_after_ms: attempt.again_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        })
    }));
    kept(&lines)
}

/// One thing more, as it is kept: [`Store`](crate::store::Store) adds it to what is there.
pub(super) fn noted(at: Timestamp, step: Step, detail: Option<String>) -> String {
    serde_json::to_string(&Noted { at: at.0, step, detail }).unwrap_or_default()
}

/// Texts and numbers: there is nothing that JSON could not hold.
fn kept(lines: &[Line]) -> Option<String> {
    (!lines.is_empty()).then(|| serde_json::to_string(lines).unwrap_or_default())
}

/// All that is known of an execution, in order.
pub async fn timeline(host: &Host, execution: &Execution) -> Result<Vec<Event>, Fault> {
    let store = &host.store;
    let approvals = store.approvals_of(&execution.project, &execution.id).await.map_err(faults::store)?;
    let requests = store.timeline(&execution.project, &execution.id).await.map_err(faults::store)?;
    let lines = requests.as_deref().map(read).unwrap_or_default();
    let (earlier, lines): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(Line::is_before);
    let mut events: Vec<Event> = earlier.into_iter().map(Line::event).collect();
    events.push(Event::new(execution.started_at, "decided", Some(decided(execution, approvals.first()))));
    let before = approvals.first().is_some_and(|approval| approval.request.is_none());
    if execution.status != ExecutionStatus::Denied && !before && execution.through.is_some() {
        events.extend(began(execution, execution.started_at));
    }
    let mut later = Vec::new();
    for approval in approvals {
        later.push(Event::new(approval.created_at, "waiting", Some(approval.id.to_string())));
        if let (Some(at), state) = (approval.decided_at, approval.state)
            && state != ApprovalState::Pending
        {
            later.push(Event::new(at, state.as_str(), approval.reason));
            if state == ApprovalState::Approved && approval.request.is_none() && execution.through.is_some() {
                later.extend(began(execution, at));
            }
        }
    }
    later.extend(lines.into_iter().map(Line::event));
    // Stable: what happened in the same millisecond stays in its order.
    later.sort_by_key(|event| event.at);
    events.extend(later);
    if let Some(at) = execution.finished_at {
        events.push(Event::new(at, "finished", Some(execution.status.as_str().to_owned())));
    }
    Ok(events)
}

/// What was decided as it began, and by which rule.
fn decided(execution: &Execution, asked: Option<&Approval>) -> String {
    let by = execution.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
    match (execution.status, asked) {
        (ExecutionStatus::Denied, _) => format!("denied{by}"),
        (_, Some(approval)) => format!("a person is asked {}: {}", approval.at.replace('_', " "), approval.why),
        (_, None) => format!("allowed{by}"),
    }
}

/// A call begins, and it is said if nothing leaves for it.
fn began(execution: &Execution, at: Timestamp) -> Vec<Event> {
    let event = |step, detail| Event::new(at, step, detail);
    let nothing = "the connection is in demo mode: nothing leaves, and the answer is made up";
    let simulated = execution.simulated.then(|| event("simulated", Some(nothing.to_owned())));
    std::iter::once(event("started", None)).chain(simulated).collect()
}

fn read(text: &str) -> Vec<Line> {
    serde_json::from_str(text).unwrap_or_default()
}

impl Line {
    /// Whether it happened before policies decided.
    fn is_before(&self) -> bool {
        matches!(self, Self::Modified(modified) if modified.when == When::Before.as_str())
    }

    fn event(self) -> Event {
        match self {
            Self::Request(RequestLine { at, request, attempt, method, status, again_after_ms }) => {
                let sent = Sent { number: request, attempt, method, status, again_after_ms };
                Event { request: Some(sent), ..Event::new(Timestamp(at), "request", None) }
            }
            Self::Modified(modified) => {
                Event { modifier: Some(modified.clone()), ..Event::new(Timestamp(modified.at), "modified", None) }
            }
            Self::Noted(Noted { at, step, detail }) => Event::new(Timestamp(at), step.as_str(), detail),
        }
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
        let numbers: Vec<_> = lines
            .iter()
            .map(|line| match line {
                Line::Request(line) => (line.at, line.request, line.attempt, line.status),
                line => panic!("{line:?}"),
            })
            .collect();
        assert_eq!(numbers, [(1_011, 1, 1, Some(429)), (1_012, 1, 2, Some(200)), (5_011, 2, 1, None)]);
    }

    /// What the store adds to a list is read back as it was noted, and requests count on over it.
    #[test]
    fn what_is_noted_stays_in_its_place() {
        let modified = |when: When| Modified {
            at: 1,
            modifier: "mod_1".into(),
            name: "short".into(),
            when: when.as_str().into(),
            revision: 7,
        };
        assert_eq!(begun(&[]), None);
        let begun = begun(&[modified(When::Before)]).unwrap();
        let first = written(Some(&begun), Timestamp(10), &[attempt(1, 1, Some(200))]).unwrap();
        let asked = noted(Timestamp(20), Step::Asked, None);
        let first = format!("{},{asked}]", first.strip_suffix(']').unwrap());
        let second = written(Some(&first), Timestamp(30), &[attempt(1, 1, Some(201))]).unwrap();
        let all = with(Some(&second), &[modified(When::After)]).unwrap();
        let steps: Vec<_> = read(&all).into_iter().map(Line::event).collect();
        let told: Vec<_> =
            steps.iter().map(|event| (event.step, event.request.as_ref().map(|sent| sent.number))).collect();
        let expected =
            [("modified", None), ("request", Some(1)), ("asked", None), ("request", Some(2)), ("modified", None)];
        assert_eq!(told, expected);
        assert!(read(&all)[0].is_before() && !read(&all)[4].is_before());
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        for text in ["", "{}", "[1]", "[{}]", "null", r#"[{"at":1,"step":"dreamt"}]"#] {
            assert_eq!(read(text), [], "{text}");
        }
    }
}
