//! An action type that no tool has: policies decide on it, people approve it, it is on record, and nothing carries it out.
//!
//! See decisions/0019-demo-mode.md.

use serde_json::{Map, Value};

use super::kept::{self, KeptRequest};
use super::limits::{MAX_ACTION_TYPE, MAX_INPUT};
use super::resolve::identifier_for;
use super::resume::asker;
use super::verdict::{Judged, Verdict, on_action};
use super::{CallRequest, Failed, Host, Reply, faults, record, run, wait};
use crate::config::Records;
use crate::model::{Caller, Code, Culprit, Execution, ExecutionStatus, Fault, InputError};

/// Whether a name is written as an action type: words of small letters, digits and `_`, with dots between them. No tool
/// is named so, but one may have it for an alias.
pub(super) fn is_action_type(name: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    name.len() <= MAX_ACTION_TYPE && name.contains('.') && name.split('.').all(word)
}

/// Whether a call is of an action type that no tool has. A key that is bound to a profile has none: what a profile does
/// not name is not there for it.
pub(super) async fn is_one(host: &Host, caller: &Caller, request: &CallRequest) -> Result<bool, Fault> {
    if caller.profile.is_some() || !is_action_type(&request.tool) {
        return Ok(false);
    }
    let tool = host.catalog.find_tool(&host.store, &caller.project, &request.tool).await.map_err(faults::catalog)?;
    Ok(tool.is_none())
}

/// Decides on an action and writes it down. It is never a success: nothing was done.
pub(super) async fn submit(host: &Host, caller: &Caller, request: &CallRequest) -> Result<Reply, Failed> {
    run::timeout(request)?;
    check(request)?;
    let identifier = identifier_for(caller, request.identifier.as_deref())?;
    host.pace.count(caller, identifier, None)?;
    let execution = record::action(host, caller, request, identifier);
    let Judged { verdict, rule, .. } = on_action(host, caller, request, identifier).await?;
    let execution = Execution { rule, ..execution };
    match verdict {
        Verdict::Deny(fault) => {
            Err(Failed { execution: record::deny(host, request, (execution, None), &fault).await?, fault })
        }
        Verdict::Ask(asked) => Ok(Reply::Waiting(wait::before(host, request, (execution, None), &asked).await?)),
        Verdict::Run => {
            let fault = not_dispatched(&execution.tool);
            let execution = record::ended_at_once(execution, ExecutionStatus::NotDispatched, &fault);
            let kept = record::kept_at_once(host, request, &execution, None);
            record::start(host, request, &execution, (kept, None)).await?;
            let recorded = (host.records != Records::Off).then_some(execution.id);
            Err(Failed { execution: recorded, fault })
        }
    }
}

/// Goes on with an action that a person decided on: policies are asked again, as for every call.
pub(super) async fn go_on(host: &Host, execution: &Execution, starts_over: bool) -> Result<Reply, Failed> {
    let caller = asker(host, execution).await?;
    let kept = kept::request(host, execution).await?;
    let KeptRequest { tool, input, timeout_ms, idempotency_key, .. } =
        kept.ok_or_else(|| kept::unreadable(&execution.id))?;
    let request = CallRequest {
        timeout_ms,
        idempotency_key,
        chat_id: execution.chat_id.clone(),
        trigger_type: execution.trigger_type.clone(),
        ..CallRequest::new(execution.surface(), tool, input)
    };
    check(&request)?;
    match on_action(host, &caller, &request, execution.identifier.as_deref()).await?.verdict {
        Verdict::Deny(fault) => Err(fault.into()),
        Verdict::Ask(asked) if starts_over => {
            Ok(Reply::Waiting(wait::again(host, &request, (execution, None), &asked).await?))
        }
        Verdict::Ask(_) | Verdict::Run => Err(not_dispatched(&execution.tool).into()),
    }
}

/// What whoever asked is told: it may be done, and was not.
pub(super) fn not_dispatched(action: &str) -> Fault {
    let detail = format!(
        "`{action}` was allowed and is on record, but no installed tool carries it out: nothing was sent. If you meant a \
         tool, GET /v1/tools lists them"
    );
    Fault::new(Code::NotDispatched, Culprit::Caller, detail)
}

/// Rules ask about members of the input: it is an object.
pub(super) fn check_input(input: &str) -> Result<(), Fault> {
    serde_json::from_str::<Map<String, Value>>(input).map(drop).map_err(|error| {
        let errors = vec![InputError { path: String::new(), message: error.to_string() }];
        let detail = "the input of an action type is a JSON object";
        Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) }
    })
}

fn check(request: &CallRequest) -> Result<(), Fault> {
    if request.account.is_some() || request.connection.is_some() {
        let detail = format!(
            "no tool has the action type `{}`, so there is no account and no connection for it: leave them out",
            request.tool
        );
        return Err(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
    }
    if request.input.len() > MAX_INPUT {
        let detail = format!("the input has {} bytes; at most {MAX_INPUT} are accepted", request.input.len());
        return Err(Fault::new(Code::PayloadTooLarge, Culprit::Caller, detail));
    }
    check_input(&request.input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_types_have_dots() {
        for name in ["foo.bar", "invoice.write_off", "a.b.c", "2fa.reset", "_._"] {
            assert!(is_action_type(name), "{name}");
        }
        let long = format!("a.{}", "b".repeat(MAX_ACTION_TYPE));
        for name in ["", ".", "a.", ".a", "a..b", "a", "a_b", "A.b", "a.b c", "a.b/c", "a.b\n", "é.b", "a-b.c", &long]
        {
            assert!(!is_action_type(name), "{name}");
        }
    }

    #[test]
    fn inputs_are_objects() {
        assert!(check_input(r#"{"amount": 12345678901234567890123}"#).is_ok());
        for input in ["", "[]", "7", "null", "\"x\"", "{} {}", "{"] {
            assert_eq!(check_input(input).unwrap_err().code, Code::InvalidInput, "{input}");
        }
    }
}
