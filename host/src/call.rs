//! One call, top to bottom: every surface comes through here, and nothing else makes a connector run.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::config::FaultPoint;
use crate::model::{AccountId, ApprovalId, Caller, Code, ExecutionId, Fault, Latency, McpGrantId, Surface, Timestamp};
use crate::policy::At;
use run::Attempt;
use verdict::{Judged, Verdict};

mod authorized;
mod cancel;
mod connect;
mod credential;
mod custom;
mod edit;
mod faults;
mod host;
mod import;
mod kept;
mod lacking;
mod limits;
mod marks;
mod measure;
mod modifiers;
mod nearest;
mod nested;
mod once;
mod outcome;
mod pace;
mod parsed;
mod past;
mod pause;
mod presets;
mod profiles;
mod readiness;
mod record;
mod resolve;
mod resume;
mod reveal;
mod rules;
mod run;
mod secrets;
mod seen;
mod servers;
mod settings;
mod simulated;
mod sweep;
mod timeline;
mod to_end;
mod tokens;
mod used;
mod verdict;
mod visible;
mod wait;
mod written;

pub use crate::runtime::Progress;
pub use authorized::{activate, oauth_fault};
pub use cancel::{Stoppable, cancel};
pub use connect::{AccountChange, ConnectRequest, Connected, change_account, connect, test_account};
pub use host::{Host, Shared};
pub use kept::{SeenBodies, bodies};
pub use lacking::{About, Lack, lacking};
pub use limits::{DEFAULT_TIMEOUT, MAX_INPUT, MAX_TIMEOUT};
pub use measure::{Figures, describe_metrics};
pub use modifiers::{CheckedModifier, CompiledModifiers, NewModifier, NewWork, check_modifier, room_for_modifier};
pub use nested::Nesting;
pub use pace::Pace;
pub use parsed::Parsed;
pub use past::{Decided, Differing, Past, PastOpinion, judge_past};
pub use pause::{InputAsked, answer, waits_for};
pub use profiles::CompiledProfiles;
pub use readiness::{Readiness, readiness};
pub use resolve::identifier_for;
pub use resume::{Answer as Decision, Shown, approval, decide};
pub use reveal::{Revealed, reveal};
pub use rules::{Draft, DraftRule, Opinion, Supposed, TriedRule, check_fallback, check_rule, suppose};
pub use secrets::put_secret;
pub use servers::{Hints, keep_fresh, note_shown};
pub use timeline::{Event, Modified, Sent, timeline};
pub use tokens::{refresh, remove};
pub use used::Used;
pub use verdict::CompiledPolicies;
pub use visible::{Visible, Wanted, visible_tools};
pub use wait::{ShownCall, ShownLine, ShownRequest};
pub use written::{Missing, check_connection_presets, check_profile, missing_of_profile};

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// How it is caused.
    pub surface: Surface,
    /// Name or alias of the tool.
    pub tool: String,
    /// The user to act for; the key's own if it is bound to one.
    pub identifier: Option<String>,
    /// The user's organization: only accounts of it, and shared ones that serve it.
    pub organization: Option<String>,
    /// What the user let the client do that asks: if it waits, it goes on only while that holds.
    pub grant: Option<McpGrantId>,
    /// The account to use, instead of finding it by identifier.
    pub account: Option<AccountId>,
    /// Name of the connection; needed where the user has accounts on several of the connector.
    pub connection: Option<String>,
    /// JSON text, passed on byte for byte.
    pub input: String,
    /// What the caller gave, where presets or modifiers changed `input`: what tells whether two requests are the same.
    pub given_input: Option<String>,
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
    /// What makes it happen once: the same key of the same caller is the same call.
    pub idempotency_key: Option<String>,
    /// Whether its caller waits only until it has begun. Where nothing is recorded, nobody could come back for the answer:
    /// then the caller waits to the end.
    pub respond_async: bool,
    /// The call that it is made for, if a guest makes it.
    pub nesting: Option<Nesting>,
    /// Whoever asked, while it runs.
    pub asker: Option<Asker>,
}

/// Whoever asked for a call and stays with it while it runs.
#[derive(Clone, Debug)]
pub struct Asker {
    /// When it is cancelled, the call stops where it stands.
    pub stop: CancellationToken,
    /// Hears of the guest's progress.
    pub progress: mpsc::Sender<Progress>,
}

impl CallRequest {
    /// A call of a tool, with nothing said but its input.
    pub fn new(surface: Surface, tool: impl Into<String>, input: impl Into<String>) -> Self {
        Self {
            surface,
            tool: tool.into(),
            identifier: None,
            organization: None,
            grant: None,
            account: None,
            connection: None,
            input: input.into(),
            given_input: None,
            tool_call_id: None,
            parent: None,
            chat_id: None,
            trigger_type: None,
            timeout_ms: None,
            idempotency_key: None,
            respond_async: false,
            nesting: None,
            asker: None,
        }
    }

    /// How many calls it is made for, one in another.
    fn depth(&self) -> usize {
        self.nesting.as_ref().map_or(0, |nesting| nesting.depth)
    }
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
    /// The account that it went through; `None` where no tool was called.
    pub account: Option<AccountId>,
    /// Whether nothing left for it, because its connection is in demo mode.
    pub simulated: bool,
    /// Until when whoever asked can fetch the data again; there if it is longer than answers are.
    pub collect_until: Option<Timestamp>,
}

/// A call that waits.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its record.
    pub execution: ExecutionId,
    /// What it waits for.
    pub waits_for: WaitsFor,
}

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// A person has to approve it.
    Approval(ApprovalId),
    /// Its user has to answer a question.
    Input(InputAsked),
    /// Calls that it made have to end.
    Calls(Vec<ExecutionId>),
}

/// What comes of a call that nothing went wrong with.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A result.
    Done(Answer),
    /// It goes on when somebody, or something, has come.
    Waiting(Held),
    /// It goes on by itself; its record tells how it ends.
    Started(ExecutionId),
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
pub async fn call(host: &Host, caller: &Caller, mut request: CallRequest) -> Result<Reply, Failed> {
    if request.nesting.is_none() {
        host.refuse_while_draining()?;
    }
    let started = Instant::now();
    let tool = request.tool.clone();
    let work = {
        let (host, caller) = (host.clone(), caller.clone());
        async move {
            if let Some(earlier) = once::earlier(&host, &caller, &request).await? {
                return earlier;
            }
            let result = if custom::is_one(&host, &caller, &request).await? {
                Box::pin(custom::submit(&host, &caller, &request)).await
            } else {
                let resolved =
                    resolve::resolve(&host, &caller, &mut request).instrument(tracing::debug_span!("resolve")).await;
                host.figures.resolve.took(started.elapsed());
                FaultPoint::Resolved.pass();
                governed(&host, &caller, &mut request, resolved?, started).await
            };
            match result {
                // Two came with the same key at once, and the other one was first.
                Err(failed) if failed.execution.is_none() && failed.fault.code == Code::Conflict => {
                    once::earlier(&host, &caller, &request).await?.unwrap_or(Err(failed))
                }
                result => result,
            }
        }
    };
    let result = host.run_to_end(work.in_current_span()).await;
    host.figures.finished(&tool, &result, started.elapsed());
    result
}

/// Modifiers change the input and policies decide on it; then the call runs, waits or ends here.
async fn governed(
    host: &Host,
    caller: &Caller,
    request: &mut CallRequest,
    mut resolved: resolve::Resolved,
    started: Instant,
) -> Result<Reply, Failed> {
    let timeout = run::timeout(request)?;
    if request.respond_async {
        wait::can_go_on_alone(host)?;
    }
    let context = &resolved.context;
    host.pace.count(caller, Some(&context.account.identifier), Some(&context.connection.id))?;
    resolved.modified = modifiers::before(host, caller, request, &resolved).await?;
    let span = tracing::debug_span!("policy");
    let Judged { verdict, rule, .. } = verdict::verdict(host, caller, request, &resolved).instrument(span).await?;
    resolved.rule = rule;
    FaultPoint::Decided.pass();
    let attempt = match verdict {
        Verdict::Run => Attempt::free(),
        Verdict::Ask(asked) if asked.ask.at == At::AtWrite && verdict::only_reads(&resolved) => Attempt::free(),
        Verdict::Ask(asked) if asked.ask.at == At::AtWrite => {
            wait::can_wait(host, wait::APPROVAL)?;
            Attempt::asking(asked)
        }
        Verdict::Ask(asked) => {
            let execution = record::execution(host, caller, request, &resolved);
            let waiting = Box::pin(wait::before(host, request, (execution, Some(&resolved)), &asked));
            return Ok(Reply::Waiting(waiting.await?));
        }
        Verdict::Deny(fault) => {
            let execution = record::execution(host, caller, request, &resolved);
            let execution = Box::pin(record::deny(host, request, (execution, Some(&resolved)), &fault)).await?;
            return Err(Failed { execution, fault });
        }
    };
    let places = host.pace.places(&resolved, request.nesting.as_ref(), pace::Patience::of_a_new_one(timeout)).await?;
    // A future is as large as all that it may come to wait for, and is copied as a whole wherever it is handed on: what is
    // large goes into a box, here and below.
    Box::pin(run::run(host, caller, request, resolved, Attempt { places, ..attempt }, started)).await
}
