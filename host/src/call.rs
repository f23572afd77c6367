//! One call, top to bottom: every surface comes through here, and nothing else makes a connector run.

use std::time::Instant;

use tracing::Instrument;

use crate::model::{AccountId, Caller, ExecutionId, Fault, Latency};

mod connect;
mod credential;
mod faults;
mod host;
mod limits;
mod measure;
mod outcome;
mod record;
mod resolve;
mod run;
mod to_end;

pub use connect::{ConnectRequest, Connected, connect, test_account};
pub use host::{Host, Shared};
pub use limits::{DEFAULT_TIMEOUT, MAX_INPUT, MAX_TIMEOUT};
pub use measure::{Figures, describe_metrics};
pub use resolve::{Visible, visible_tools};

/// What a caller asks for.
#[derive(Clone, Debug, Default)]
pub struct CallRequest {
    /// Name or alias of the tool.
    pub tool: String,
    /// The user to act for; the key's own if it is bound to one.
    pub identifier: Option<String>,
    /// The account to use, instead of finding it by identifier.
    pub account: Option<AccountId>,
    /// Name of the connection; needed where the user has accounts on several of the connector.
    pub connection: Option<String>,
    /// JSON text, passed on byte for byte.
    pub input: String,
    /// The caller's own id of the call.
    pub tool_call_id: Option<String>,
    /// The execution that this call is made for.
    pub parent: Option<ExecutionId>,
    /// The conversation it belongs to.
    pub chat_id: Option<String>,
    /// What set it off.
    pub trigger_type: Option<String>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// A call that has a result.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its record.
    pub execution: ExecutionId,
    /// JSON text, as the connector made it.
    pub data: String,
    /// Where the time went.
    pub latency: Latency,
}

/// A call that has none.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its record, if it came that far.
    pub execution: Option<ExecutionId>,
    /// Why.
    pub fault: Fault,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { execution: None, fault }
    }
}

/// Calls a tool for a caller.
///
/// The steps are those of ARCHITECTURE.md. The call goes on to its recorded end even if whoever asked goes away: what is
/// left of it then becomes a task, which a stopping host waits for.
pub async fn call(host: &Host, caller: &Caller, request: CallRequest) -> Result<Answer, Failed> {
    let started = Instant::now();
    let tool = request.tool.clone();
    let work = {
        let (host, caller) = (host.clone(), caller.clone());
        async move {
            let resolved = resolve::resolve(&host, &caller, &request).instrument(tracing::debug_span!("resolve")).await;
            host.figures.resolve.took(started.elapsed());
            run::run(&host, &caller, &request, resolved?, started).await
        }
    };
    let result = host.run_to_end(work.in_current_span()).await;
    host.figures.finished(&tool, &result, started.elapsed());
    result
}
