//! A person approves a call with another input than the one that was asked for (KO-06).

use sha2::{Digest as _, Sha256};

use super::kept::{self, KeptRequest, part};
use super::{Host, MAX_INPUT, custom, faults};
use crate::model::{Approval, Code, Culprit, Fault};
use crate::runtime::{Entry, Journal};
use crate::store::Edited;

/// What is to be kept of a call with its new input, if it may be edited.
///
/// A call of which a write has left cannot start over: that write would leave again.
pub(super) async fn edited(host: &Host, approval: &Approval, input: &str) -> Result<Edited, Fault> {
    if input.len() > MAX_INPUT {
        let detail = format!("the input has {} bytes; at most {MAX_INPUT} are accepted", input.len());
        return Err(Fault::new(Code::PayloadTooLarge, Culprit::Caller, detail));
    }
    let bodies = host.store.bodies(&approval.project, &approval.execution).await.map_err(faults::store)?;
    let bodies = bodies.ok_or_else(|| kept::unreadable(&approval.execution))?;
    let record = approval.execution.as_str();
    let unreadable = || kept::unreadable(&approval.execution);
    if let Some(sealed) = &bodies.journal {
        let bytes = kept::open(host, &approval.project, record, part::JOURNAL, sealed)?;
        let journal = Journal::from_bytes(&bytes).map_err(|_| unreadable())?;
        if journal.entries.iter().any(Entry::may_have_written) {
            let detail = "a write of this call may have left already: it cannot start over with another input";
            return Err(Fault::new(Code::Conflict, Culprit::Caller, detail));
        }
    }
    check(host, approval, input)?;
    let request = kept::request_in(host, &approval.project, &approval.execution, &bodies)?;
    let request = KeptRequest { input: input.to_owned(), ..request };
    Ok(Edited {
        request: kept::seal(host, &approval.project, record, part::REQUEST, &kept::written(&request))?,
        input_digest: hex::encode(Sha256::digest(input.as_bytes())),
        // Of an action type that no tool has nothing is hidden. What a tool's call may show is known when it goes on.
        input_seen: custom::is_action_type(&approval.tool).then(String::new),
    })
}

/// Holds the new input to what the old one was held to.
fn check(host: &Host, approval: &Approval, input: &str) -> Result<(), Fault> {
    if custom::is_action_type(&approval.tool) {
        return custom::check_input(input);
    }
    let found = host.catalog.tool(&approval.project, &approval.tool);
    let (installed, tool) = found.ok_or_else(|| {
        Fault::new(Code::NotFound, Culprit::Caller, format!("there is no tool `{}` any more", approval.tool))
    })?;
    installed.tools[tool].check_input(input).map_err(faults::invalid_input)
}
