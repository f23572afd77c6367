//! What policies would say now of calls that were made: which of last week's would these rules have stopped?
//!
//! Nothing is guessed. A call is judged by the input that it had and by the account, key and tool that it was made with;
//! where one of them is gone, that is counted and no more said. An action type that no tool had is judged as such.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::connect::TRIGGER;
use super::kept::{self, KeptRequest};
use super::profiles::{self, Profile};
use super::resolve::Resolved;
use super::rules::Draft;
use super::verdict::{Judged, Verdict, judge, judge_action, only_reads};
use super::{CallRequest, Host, faults, nearest};
use crate::identity;
use crate::model::{
    Caller, Code, Execution, ExecutionId, ExecutionStatus, Fault, KeyId, PolicyId, Role, Through, Timestamp,
};
use crate::policy::{At, Rules};
use crate::store::{ContextQuery, ExecutionFilter, PageRequest};

/// Which calls.
#[derive(Clone, Debug)]
pub struct Past {
    /// Those that began at this time or later.
    pub since: Timestamp,
    /// Those that began before this time.
    pub until: Option<Timestamp>,
    /// Those of the tool with this full name.
    pub tool: Option<String>,
    /// So many of them at once.
    pub page: PageRequest,
}

/// What is decided on a call, without who decides and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decided {
    /// It runs.
    Allow,
    /// A person is asked before anything of it runs.
    AskBefore,
    /// A person is asked at its first write.
    AskAtWrite,
    /// It does not run.
    Deny,
}

/// What policies would say of a page of calls.
#[derive(Clone, Debug, Default)]
pub struct PastOpinion {
    /// Calls of each outcome, as it would be now.
    pub now: BTreeMap<Decided, u64>,
    /// Calls whose input is not kept, or not any more.
    pub input_not_kept: u64,
    /// Calls of which the tool, the account or the key is gone, or the key's profile does not have the tool any more, or no
    /// action types.
    pub not_known: u64,
    /// Test calls of administrators, which no rule is asked about.
    pub exempt: u64,
    /// Calls that would end otherwise now.
    pub differing: Vec<Differing>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// A call that would end otherwise now.
#[derive(Clone, Debug)]
pub struct Differing {
    /// Its record.
    pub execution: ExecutionId,
    /// Its tool.
    pub tool: String,
    /// When it began.
    pub started_at: Timestamp,
    /// What was decided.
    pub then: Decided,
    /// What would be decided.
    pub now: Decided,
    /// The rule that would decide, if it is a stored one.
    pub rule: Option<PolicyId>,
    /// Why, in words.
    pub why: String,
}

impl Decided {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AskBefore => "ask_before",
            Self::AskAtWrite => "ask_at_write",
            Self::Deny => "deny",
        }
    }

    fn of(at: At) -> Self {
        match at {
            At::Before => Self::AskBefore,
            At::AtWrite => Self::AskAtWrite,
        }
    }
}

/// What is said of one call.
enum Said {
    Judged(Decided, Box<Judged>),
    NotKept,
    NotKnown,
    Exempt,
}

/// What the stored policies, or those of a draft, would say of a page of past calls. Nothing runs and nothing is recorded.
pub async fn judge_past(host: &Host, caller: &Caller, past: &Past, draft: &Draft) -> Result<PastOpinion, Fault> {
    let rules = draft.rules(host, &caller.project).await?;
    let filter = ExecutionFilter {
        since: Some(past.since),
        until: past.until,
        tool: past.tool.clone(),
        ..ExecutionFilter::default()
    };
    let found = host.store.list_executions(&caller.project, &filter, &past.page).await.map_err(faults::store)?;
    let mut opinion = PastOpinion { next_cursor: found.next_cursor, ..PastOpinion::default() };
    let mut keys = Keys::default();
    for execution in found.items {
        match said(host, &rules, &mut keys, &execution).await? {
            Said::NotKept => opinion.input_not_kept += 1,
            Said::NotKnown => opinion.not_known += 1,
            Said::Exempt => opinion.exempt += 1,
            Said::Judged(then, judged) => {
                let Judged { verdict, rule, why } = *judged;
                let now = match &verdict {
                    Verdict::Run => Decided::Allow,
                    Verdict::Ask(asked) => Decided::of(asked.ask.at),
                    Verdict::Deny(_) => Decided::Deny,
                };
                *opinion.now.entry(now).or_default() += 1;
                if now != then {
                    let why = match verdict {
                        Verdict::Ask(asked) => asked.why,
                        Verdict::Run | Verdict::Deny(_) => why.to_string(),
                    };
                    let Execution { id, tool, started_at, .. } = execution;
                    let rule = rule.filter(|rule| !draft.holds(rule));
                    opinion.differing.push(Differing { execution: id, tool, started_at, then, now, rule, why });
                }
            }
        }
    }
    Ok(opinion)
}

async fn said(host: &Host, rules: &Rules, keys: &mut Keys, execution: &Execution) -> Result<Said, Fault> {
    let Some(asker) = keys.asker(host, execution).await? else { return Ok(Said::NotKnown) };
    let (caller, profile) = asker;
    if caller.role == Role::Admin && execution.trigger_type.as_deref() == Some(TRIGGER) {
        return Ok(Said::Exempt);
    }
    let Some(kept) = kept::request(host, execution).await? else { return Ok(Said::NotKept) };
    let then = then(execution, &kept);
    let request = CallRequest {
        chat_id: execution.chat_id.clone(),
        trigger_type: execution.trigger_type.clone(),
        ..CallRequest::new(execution.surface(), kept.tool, kept.input)
    };
    let at = execution.started_at;
    let judged = match &execution.through {
        Some(through) => {
            let found = resolved(host, execution, through, profile.as_deref()).await?;
            let Some(resolved) = found else { return Ok(Said::NotKnown) };
            let mut judged = judge(rules, caller, &request, &resolved, at)?;
            // As in a call: nobody is asked at a write that cannot come.
            if matches!(&judged.verdict, Verdict::Ask(asked) if asked.ask.at == At::AtWrite) && only_reads(&resolved) {
                judged.verdict = Verdict::Run;
            }
            judged
        }
        // An action type that no tool has: what a profile does not name is not there for its keys.
        None if profile.is_some() => return Ok(Said::NotKnown),
        None => judge_action(rules, caller, &request, execution.identifier.as_deref(), at)?,
    };
    Ok(Said::Judged(then, Box::new(judged)))
}

/// The tool and the account that a call was made with, if both are there and its profile has the tool.
async fn resolved(
    host: &Host,
    execution: &Execution,
    through: &Through,
    profile: Option<&Profile>,
) -> Result<Option<Resolved>, Fault> {
    let Some((installed, tool)) = host.catalog.tool(&execution.project, &execution.tool) else { return Ok(None) };
    let connector = &installed.connector.name;
    let account = Some(&through.account);
    let wanted = ContextQuery { connector, connection: None, identifier: None, organization: None, account };
    let found = host.store.call_contexts(&execution.project, &wanted).await;
    let Some(context) = found.map_err(faults::store)?.into_iter().next() else { return Ok(None) };
    let mut context = nearest::acting(context, execution.identifier.as_deref(), None);
    let offer = host.profiles.offer(profile, &context.connection, &installed.tools[tool]);
    let Ok(offer) = offer else { return Ok(None) };
    // Whether the connection is in demo mode now says nothing of then.
    if context.connection.demo != execution.simulated {
        Arc::make_mut(&mut context).connection.demo = execution.simulated;
    }
    Ok(Some(Resolved { asking_profile: offer.asking_profile, ..Resolved::plain(host, installed, tool, context) }))
}

/// What was decided on a call when it was made.
fn then(execution: &Execution, request: &KeptRequest) -> Decided {
    let denied = execution.status == ExecutionStatus::Denied && execution.code == Some(Code::DeniedByPolicy);
    match request.asked.as_deref() {
        _ if denied => Decided::Deny,
        Some(at) if at == At::Before.as_str() => Decided::AskBefore,
        Some(_) => Decided::AskAtWrite,
        None => Decided::Allow,
    }
}

type Asker = (Caller, Option<Arc<Profile>>);

/// The keys of a page, each read once.
#[derive(Default)]
struct Keys(HashMap<KeyId, Option<Asker>>);

impl Keys {
    /// Who asked for a call, under which profile; `None` if the key is gone.
    async fn asker(&mut self, host: &Host, execution: &Execution) -> Result<Option<&Asker>, Fault> {
        if !self.0.contains_key(&execution.key) {
            let asker = match identity::asker(&host.store, execution).await.map_err(faults::store)? {
                Some(caller) => {
                    let profile = profiles::bound(host, &caller).await?;
                    Some((caller, profile))
                }
                None => None,
            };
            self.0.insert(execution.key.clone(), asker);
        }
        Ok(self.0.get(&execution.key).and_then(Option::as_ref))
    }
}
