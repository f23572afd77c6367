//! What a guest's end means for the caller: a result, or a fault with a code and a culprit.

use crate::egress::EgressError;
use crate::model::{Code, Culprit, ExecutionId, ExecutionStatus, Fault};
use crate::runtime::{CallError, Failure, LogLevel, NestedFault, Phase, Progress, Report};

use super::faults;

/// What a call that diverged tells: it may have sent something before it waited.
pub(super) const NOTHING_MORE: &str =
    "Nothing more was sent: look at what the execution's record says was sent before, and ask again";

/// What a call tells whose write was cut off.
const UNKNOWN: &str = "Whether a write reached the provider is not known: look there before you repeat it";

/// The status in a guest's failure when there was no answer.
const NO_STATUS: u16 = 0;

/// The result of a call, from the report of its run.
///
/// When the host refused a request and the guest then failed, the refusal is the reason: what the guest made of it is
/// only its own words for the same thing. So it is when a request had no answer and the guest says so: near the call's
/// deadline it may hear of the timeout first.
pub(super) fn of(report: &Report) -> Result<String, Fault> {
    result(report).map_err(|mut fault| {
        if report.open_writes > 0 && fault.code != Code::Cancelled {
            fault.detail = format!("{}. {UNKNOWN}", fault.detail);
        }
        fault
    })
}

fn result(report: &Report) -> Result<String, Fault> {
    if let (Err(CallError::Failure(failure)), Some(nested)) = (&report.outcome, &report.nested)
        && *failure == nested.failure
    {
        return Err(of_nested(nested));
    }
    match (&report.outcome, &report.refusal) {
        (Ok(data), _) => Ok(data.clone()),
        (Err(CallError::Limit { .. } | CallError::Cancelled), _) => Err(of_error(report)),
        (Err(_), Some(refusal)) => Err(of_refusal(refusal)),
        (Err(CallError::Failure(Failure::Upstream { status: NO_STATUS, .. })), None) => {
            Err(report.unanswered.as_ref().map_or_else(|| of_error(report), of_refusal))
        }
        (Err(_), None) => Err(of_error(report)),
    }
}

/// How a call stands in its record.
pub(super) fn status(result: Result<(), &Fault>, report: Option<&Report>) -> ExecutionStatus {
    match report {
        _ if result.is_ok() => ExecutionStatus::Succeeded,
        Some(report) if report.open_writes > 0 => ExecutionStatus::UnknownOutcome,
        Some(Report { outcome: Err(CallError::Cancelled), .. }) => ExecutionStatus::Cancelled,
        None if result.is_err_and(|fault| fault.code == Code::NotDispatched) => ExecutionStatus::NotDispatched,
        None if result.is_err_and(|fault| fault.code == Code::Cancelled) => ExecutionStatus::Cancelled,
        _ => ExecutionStatus::Failed,
    }
}

fn cancelled(report: &Report) -> String {
    match (report.open_writes, report.requests) {
        (0, 0) if report.calls == 0 => "the call was cancelled before anything was sent".into(),
        (0, 0) => {
            "the call was cancelled; the tools that it called have records of their own, and what they did stays done"
                .into()
        }
        (0, requests) => format!(
            "the call was cancelled; {requests} requests had been sent and were answered or only read. What they did \
             stays done"
        ),
        _ => format!("the call was cancelled while a write was under way. {UNKNOWN}"),
    }
}

/// Passes on what a guest said besides its result, marked as its own: its log lines, and how far it came.
pub(super) fn words(connector: &str, execution: &ExecutionId, report: &Report) {
    for line in &report.logs {
        let message = line.message.as_str();
        match line.level {
            LogLevel::Debug => tracing::debug!(target: "guest", connector, %execution, "{message}"),
            LogLevel::Info => tracing::info!(target: "guest", connector, %execution, "{message}"),
            LogLevel::Warn => tracing::warn!(target: "guest", connector, %execution, "{message}"),
            LogLevel::Error => tracing::error!(target: "guest", connector, %execution, "{message}"),
        }
    }
    if let Some(Progress { done, total, message }) = &report.progress {
        tracing::debug!(target: "guest", connector, %execution, done, total, "progress: {message}");
    }
    if report.dropped_logs > 0 {
        let dropped = report.dropped_logs;
        tracing::warn!(connector, %execution, dropped, "more log lines than a call may write");
    }
}

fn of_error(report: &Report) -> Fault {
    match &report.outcome {
        Ok(_) => Fault::new(Code::Internal, Culprit::Host, "a success was taken for an error"),
        Err(CallError::Failure(Failure::Denied(message))) if !report.missing_scopes.is_empty() => {
            let missing_scopes = report.missing_scopes.clone();
            let detail = format!("the provider says that the account lacks {}: {message}", missing_scopes.join(", "));
            Fault { missing_scopes, ..Fault::new(Code::MissingScopes, Culprit::Upstream, detail) }
        }
        Err(CallError::Failure(failure)) => of_failure(failure),
        Err(CallError::Trap { message }) => {
            Fault::new(Code::GuestError, Culprit::Guest, format!("the connector trapped: {message}"))
        }
        Err(error @ CallError::Limit { .. }) => Fault::new(Code::GuestLimit, Culprit::Limit, error.to_string()),
        Err(error @ CallError::Timeout { phase, .. }) => {
            let (code, culprit) = match phase {
                Phase::Upstream => (Code::UpstreamTimeout, Culprit::Upstream),
                Phase::Guest => (Code::GuestLimit, Culprit::Limit),
                Phase::Queued => (Code::Unavailable, Culprit::Host),
            };
            Fault::new(code, culprit, error.to_string())
        }
        Err(CallError::Cancelled) => Fault::new(Code::Cancelled, Culprit::Caller, cancelled(report)),
        Err(CallError::Waiting(_)) => {
            Fault::new(Code::ApprovalRequired, Culprit::Policy, "the call waits for approval")
        }
        // These two have been dealt with, unless the call cannot wait.
        Err(error @ (CallError::WaitingForCalls(_) | CallError::WaitingForInput(_))) => {
            Fault::new(Code::InputRequired, Culprit::Caller, error.to_string())
        }
        Err(error @ CallError::Diverged { .. }) => {
            let detail = format!("{error}. {NOTHING_MORE}");
            Fault::new(Code::Diverged, Culprit::Guest, detail)
        }
        Err(error @ CallError::InvalidOutput { .. }) => Fault::new(Code::GuestError, Culprit::Guest, error.to_string()),
    }
}

/// A call that passes on what a tool that it called was refused: the reason is that one's.
fn of_nested(nested: &NestedFault) -> Fault {
    let own = of_failure(&nested.failure);
    let (code, culprit) = match nested.failure {
        // Its author wrote that input, not its caller.
        Failure::InvalidInput(_) => (Code::GuestError, Culprit::Guest),
        _ => (nested.code, nested.culprit),
    };
    Fault { code, culprit, detail: format!("a tool that it called gave no result: {}", own.detail), ..own }
}

/// The same of a request that the caller wrote: what was wrong with it is the caller's.
pub(super) fn of_proxied(report: &Report) -> Result<String, Fault> {
    of(report).map_err(|fault| match (fault.culprit, &report.refusal) {
        (Culprit::Guest, Some(EgressError::Invalid(_))) => {
            Fault { code: Code::InvalidInput, culprit: Culprit::Caller, ..fault }
        }
        (Culprit::Guest, Some(_)) => Fault { culprit: Culprit::Caller, ..fault },
        _ => fault,
    })
}

fn of_refusal(refusal: &EgressError) -> Fault {
    let (code, culprit) = match refusal {
        EgressError::HostNotAllowed(_) => (Code::HostNotAllowed, Culprit::Guest),
        EgressError::AddressNotAllowed(_) => (Code::AddressNotAllowed, Culprit::Policy),
        EgressError::RouteNotAllowed(_) => (Code::RouteNotAllowed, Culprit::Guest),
        EgressError::Invalid(_) => (Code::GuestError, Culprit::Guest),
        EgressError::Timeout(_) => (Code::UpstreamTimeout, Culprit::Upstream),
        EgressError::Unreachable(_) => (Code::UpstreamError, Culprit::Upstream),
        EgressError::Limit(_) => (Code::GuestLimit, Culprit::Limit),
        EgressError::Credential(_) => (Code::AccountNotActive, Culprit::Caller),
        EgressError::Broken(_) => (Code::UpstreamError, Culprit::Upstream),
        EgressError::Setup(_) => (Code::Internal, Culprit::Host),
    };
    Fault::new(code, culprit, refusal.to_string())
}

fn of_failure(failure: &Failure) -> Fault {
    match failure {
        Failure::InvalidInput(errors) => faults::invalid_input(errors.clone()),
        Failure::NotFound(message) => Fault::new(Code::NotFound, Culprit::Upstream, message),
        Failure::Denied(message) => Fault::new(Code::Forbidden, Culprit::Upstream, message),
        Failure::AuthRequired(message) => Fault::new(
            Code::AccountNotActive,
            Culprit::Upstream,
            format!("the provider does not accept the credential: {message}. Connect the account again"),
        ),
        Failure::RateLimited { retry_after_ms, message } => {
            Fault { retry_after_ms: *retry_after_ms, ..Fault::new(Code::RateLimited, Culprit::Upstream, message) }
        }
        Failure::Upstream { status, code, message, retryable } => {
            let code_text = code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
            let again = if *retryable { " It may work later." } else { "" };
            let detail = format!("the provider answered {status}{code_text}: {message}{again}");
            Fault::new(Code::UpstreamError, Culprit::Upstream, detail)
        }
        Failure::Unsupported(message) => Fault::new(Code::InvalidInput, Culprit::Caller, message),
        Failure::Internal(message) => Fault::new(Code::GuestError, Culprit::Guest, message),
    }
}
