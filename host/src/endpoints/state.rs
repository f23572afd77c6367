//! What a client carries back and forth while its call waits: sealed, so that it is of use for this call and this caller
//! only.

use serde::{Deserialize, Serialize};

use crate::call::Host;
use crate::model::{Caller, ExecutionId, Timestamp};
use crate::vault::{Body, VaultError};

/// A call that waits, as its client carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedCall {
    /// Its record; `None` if it has to be made anew, once its user has connected an account.
    pub execution: Option<ExecutionId>,
    /// Whether its user was asked for a single value, which was put into an object for the client.
    pub wrapped: bool,
}

#[derive(Serialize, Deserialize)]
struct Written {
    execution: Option<String>,
    wrapped: bool,
    until: i64,
}

/// Seals a call for its client. `request` tells the request from others; it is authenticated and not in the text.
///
/// # Errors
///
/// If there is no key to seal with.
pub fn seal_call(
    host: &Host,
    caller: &Caller,
    request: &str,
    call: &CarriedCall,
    until: Timestamp,
) -> Result<String, VaultError> {
    let CarriedCall { execution, wrapped } = call;
    let written =
        Written { execution: execution.as_ref().map(ExecutionId::to_string), wrapped: *wrapped, until: until.0 };
    host.vault.seal_body(&whose(caller, request), &serde_json::to_vec(&written).unwrap_or_default())
}

/// Opens what [`seal_call`] sealed for the same caller and the same request; `None` for anything else, and once its time
/// is over.
pub fn open_call(host: &Host, caller: &Caller, request: &str, sealed: &str) -> Option<CarriedCall> {
    let opened = host.vault.open_body(&whose(caller, request), sealed).ok()?;
    let Written { execution, wrapped, until } = serde_json::from_slice(&opened).ok()?;
    let execution = match execution {
        Some(execution) => Some(ExecutionId::parse(&execution)?),
        None => None,
    };
    (host.clock.now().0 < until).then_some(CarriedCall { execution, wrapped })
}

fn whose<'a>(caller: &'a Caller, request: &'a str) -> Body<'a> {
    Body { project: &caller.project, record: caller.key.as_str(), part: request }
}
