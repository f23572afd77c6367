//! What a modifier's failure means for the caller: before a tool nothing was sent, after it the call has run.

use super::document::Stuck;
use super::limits;
use super::steps::{StepError, Why};
use crate::model::{Code, Culprit, Fault, InputError, RenderError, When};
use crate::runtime::{CallError, Failure, Phase};

/// What is added to each failure after a tool.
const HAS_RUN: &str =
    "The call has run, and its result is hidden by this: do not repeat a write before you have looked at the provider";

/// On which side of a tool, and how long its texts may be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) when: When,
    pub(super) most: usize,
}

impl Side {
    /// After a tool, says that the call has run, and never with a code that invites to call again.
    pub(super) fn told(self, fault: Fault) -> Fault {
        match self.when {
            When::Before => fault,
            When::After => {
                let detail = format!("{}. {HAS_RUN}", fault.detail);
                Fault { code: Code::ModifierFailed, detail, ..fault }
            }
        }
    }

    /// Holds a text to its length.
    pub(super) fn bounded(self, modifier: &str, text: String) -> Result<String, Fault> {
        if text.len() <= self.most {
            return Ok(text);
        }
        let why = format!("it made {} bytes, of at most {}", text.len(), self.most);
        Err(failed(Culprit::Limit, modifier, &why))
    }
}

/// A step was not done.
pub(super) fn of_steps(side: Side, modifier: &str, error: &StepError) -> Fault {
    let why = error.to_string();
    match &error.why {
        // What only the caller can give.
        Why::Unfilled(RenderError::Missing { name })
            if side.when == When::Before && (name == "call.chat_id" || name == "call.trigger_type") =>
        {
            Fault::new(Code::InvalidInput, Culprit::Caller, format!("modifier `{modifier}`: {why}"))
        }
        Why::Stuck(Stuck::TooMuchWork | Stuck::TooLong) | Why::Unfilled(RenderError::TooLong) => {
            failed(Culprit::Limit, modifier, &why)
        }
        Why::Stuck(_) | Why::Unfilled(_) => failed(Culprit::Policy, modifier, &why),
    }
}

/// A component gave no result.
pub(super) fn of_component(side: Side, modifier: &str, error: &CallError) -> Fault {
    match (error, side.when) {
        (CallError::Failure(Failure::InvalidInput(errors)), When::Before) => {
            let detail = format!("modifier `{modifier}` does not accept the input");
            Fault { errors: errors.clone(), ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) }
        }
        (CallError::Failure(Failure::Denied(reason)), When::Before) => {
            Fault::new(Code::DeniedByPolicy, Culprit::Policy, format!("modifier `{modifier}` says no: {reason}"))
        }
        (CallError::Failure(failure), _) => failed(Culprit::Policy, modifier, &failure.to_string()),
        (CallError::Trap { message }, _) => failed(Culprit::Policy, modifier, &format!("it trapped: {message}")),
        (CallError::InvalidOutput { detail }, _) => {
            failed(Culprit::Policy, modifier, &format!("what it gave is not JSON: {detail}"))
        }
        (CallError::Timeout { phase: Phase::Queued, .. }, _) => {
            let detail = format!("modifier `{modifier}` found no free slot on this host in time");
            Fault::new(Code::Unavailable, Culprit::Host, detail)
        }
        (CallError::Timeout { .. }, _) => {
            let most = limits::COMPONENTS_TIMEOUT.as_secs();
            failed(Culprit::Limit, modifier, &format!("with those before it, it took more than {most} s"))
        }
        (error, _) => failed(Culprit::Limit, modifier, &error.to_string()),
    }
}

/// The input satisfied the tool's schema until modifiers changed it.
pub(super) fn of_input<'n>(errors: Vec<InputError>, modifiers: impl Iterator<Item = &'n str>) -> Fault {
    let names: Vec<String> = modifiers.map(|name| format!("`{name}`")).collect();
    let detail = format!(
        "what {} made of the input does not satisfy the tool's schema: the operator has to mend that. Nothing was sent",
        names.join(", ")
    );
    Fault { errors, ..Fault::new(Code::ModifierFailed, Culprit::Policy, detail) }
}

fn failed(culprit: Culprit, modifier: &str, why: &str) -> Fault {
    Fault::new(Code::ModifierFailed, culprit, format!("modifier `{modifier}` failed: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Side = Side { when: When::Before, most: 4 };
    const AFTER: Side = Side { when: When::After, most: 4 };

    fn step(why: Why) -> StepError {
        StepError { step: 3, verb: "set", why }
    }

    fn missing(name: &str) -> Why {
        Why::Unfilled(RenderError::Missing { name: name.into() })
    }

    /// Each failure names its modifier and its culprit; only before a tool can the caller be one.
    #[test]
    fn each_failure_names_its_modifier_and_its_culprit() {
        let failed = Code::ModifierFailed;
        for (why, before, after) in [
            (Why::Stuck(Stuck::NoMembers), (failed, Culprit::Policy), Culprit::Policy),
            (Why::Stuck(Stuck::TooMuchWork), (failed, Culprit::Limit), Culprit::Limit),
            (Why::Unfilled(RenderError::TooLong), (failed, Culprit::Limit), Culprit::Limit),
            (missing("account.site"), (failed, Culprit::Policy), Culprit::Policy),
            (missing("call.chat_id"), (Code::InvalidInput, Culprit::Caller), Culprit::Policy),
        ] {
            let fault = BEFORE.told(of_steps(BEFORE, "m", &step(why.clone())));
            assert_eq!((fault.code, fault.culprit), before, "{fault:?}");
            assert!(fault.detail.contains("`m`") && fault.detail.contains("step 3 (`set`)"), "{fault:?}");
            let fault = AFTER.told(of_steps(AFTER, "m", &step(why)));
            assert_eq!((fault.code, fault.culprit), (failed, after), "{fault:?}");
            assert!(fault.detail.contains(HAS_RUN), "{fault:?}");
        }
        let timeout = |phase| CallError::Timeout { after_ms: 7, phase };
        for (error, before, after) in [
            (CallError::Trap { message: "x".into() }, (failed, Culprit::Policy), Culprit::Policy),
            (CallError::InvalidOutput { detail: "x".into() }, (failed, Culprit::Policy), Culprit::Policy),
            (timeout(Phase::Guest), (failed, Culprit::Limit), Culprit::Limit),
            (timeout(Phase::Queued), (Code::Unavailable, Culprit::Host), Culprit::Host),
            (Failure::Denied("x".into()).into(), (Code::DeniedByPolicy, Culprit::Policy), Culprit::Policy),
            (Failure::InvalidInput(Vec::new()).into(), (Code::InvalidInput, Culprit::Caller), Culprit::Policy),
            (Failure::NotFound("x".into()).into(), (failed, Culprit::Policy), Culprit::Policy),
        ] {
            let fault = BEFORE.told(of_component(BEFORE, "m", &error));
            assert_eq!((fault.code, fault.culprit), before, "{fault:?}");
            assert!(fault.detail.contains("`m`") && !fault.detail.contains(HAS_RUN), "{fault:?}");
            let fault = AFTER.told(of_component(AFTER, "m", &error));
            assert_eq!((fault.code, fault.culprit), (failed, after), "{fault:?}");
            assert!(fault.detail.contains("`m`") && fault.detail.contains(HAS_RUN), "{fault:?}");
        }
        assert_eq!(AFTER.bounded("m", "four".into()), Ok("four".into()));
        assert_eq!(AFTER.bounded("m", "five!".into()).unwrap_err().culprit, Culprit::Limit);
    }
}
