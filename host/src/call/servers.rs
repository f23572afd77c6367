//! The lists of MCP servers stay fresh: the host asks for them by itself, with the account that an operator asked with.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;

use super::resolve::Resolved;
use super::{Answer, CallRequest, Failed, Host, Reply, cancel, faults};
use crate::catalog::{self, CatalogError, DISCOVERY, Installed, News};
use crate::identity;
use crate::model::{Account, AccountId, By, Caller, Code, Culprit, Fault, ProjectId, Surface, Timestamp};
use crate::runtime::Report;
use crate::store::DiscoveryRow;

/// How often it is looked which lists are not fresh any more: a sixth of the shortest time for which one is.
const TURN: Duration = Duration::from_secs(10);

/// How long a server is left in peace after it was asked, whatever it hints.
const GAP: Duration = Duration::from_secs(10);

/// How long one host has a server to itself: the longest call, and what is made of its answer. If the host ends meanwhile,
/// another one waits so long.
const LEASE: Duration = Duration::from_secs(4 * 60);

/// The longest wait after failures: what is mended is found out within a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Failures after which the wait is the longest, whatever it was at first.
const MAX_DOUBLED: u32 = 11;

/// Servers that are asked at the same time: their lists are compiled one by one anyway.
const AT_ONCE: usize = 4;

/// Hints that are kept until the next turn. Beyond that one is forgotten: the list is asked for in its time.
const MAX_HINTS: usize = 1_000;

/// Characters of why it failed.
const MAX_ERROR: usize = 500;

/// What marks the executions of such calls.
const TRIGGER: &str = "tools_refresh";

/// Servers that hinted that their lists are others now.
#[derive(Debug, Default)]
pub struct Hints {
    servers: Mutex<HashSet<Hint>>,
    came: Notify,
}

/// A connector, and the account with which its server said so, if each has its own list.
type Hint = (ProjectId, String, Option<AccountId>);

/// What came of asking.
enum Ended {
    /// A list, which the server says to stay so long, and the declaration.
    Fresh(Option<Duration>, Duration),
    /// The declaration says that the host does not ask.
    Off,
    /// It did not work, and may work later.
    Failed(String, Duration),
    /// It was this host that could not ask.
    NotNow,
    /// It will not work before an operator does something.
    Over(String),
}

impl Hints {
    fn note(&self, hint: Hint) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() < MAX_HINTS && servers.insert(hint) {
            self.came.notify_one();
        }
    }

    fn take(&self) -> HashSet<Hint> {
        std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Notes what a call heard besides its answer. What a question for the list heard is no reason to ask again.
pub(super) fn heard(host: &Host, resolved: &Resolved, report: &Report) {
    let installed = &resolved.installed;
    if report.tools_changed && installed.is_of_server() && !resolved.tool().tool.name.ends_with(DISCOVERY) {
        let Account { project, id, .. } = &resolved.context.account;
        let account = installed.is_of_accounts().then(|| id.clone());
        host.hints.note((project.clone(), installed.connector.name.clone(), account));
    }
}

/// Remembers with whose account an operator asked a server: from now on the host asks by itself, with the same.
///
/// # Errors
/// Those of the database.
pub async fn keep_fresh(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    (connector, answer): (&str, &Answer),
) -> Result<(), Failed> {
    let Some(account) = answer.account.clone().filter(|_| !answer.simulated) else { return Ok(()) };
    let upkeep = catalog::upkeep(host.importing(), &caller.project, connector).await.map_err(faults::catalog)?;
    let Some(upkeep) = upkeep else { return Ok(()) };
    let (now, fresh_for) = (host.clock.now(), catalog::fresh_for(&answer.data));
    let row = DiscoveryRow {
        project: caller.project.clone(),
        name: connector.to_owned(),
        account,
        identifier: request.identifier.clone(),
        organization: request.organization.clone(),
        asked_by: caller.key.clone(),
        asked_at: now,
        next_at: upkeep.period.map(|period| now.plus(fresh_for.unwrap_or(period))),
        fresh_for: fresh_for.map(millis),
        failures: 0,
        error: None,
    };
    host.store.remember_discovery(&row, !upkeep.of_accounts).await.map_err(faults::store)?;
    if upkeep.of_accounts && upkeep.period.is_some() {
        let all = host.store.remember_accounts(&caller.project, connector, &caller.key, now).await;
        all.map_err(faults::store)?;
        host.hints.came.notify_one();
    }
    Ok(())
}

/// Remembers which tools a server showed with an account.
///
/// # Errors
/// Those of the database.
pub async fn note_shown(host: &Host, project: &ProjectId, answer: &Answer) -> Result<(), Fault> {
    let Some(account) = answer.account.as_ref().filter(|_| !answer.simulated) else { return Ok(()) };
    match catalog::shown(&answer.data) {
        Some(shown) => host.store.set_shown_tools(project, account, &shown).await.map_err(faults::store),
        None => Ok(()),
    }
}

/// What follows from an account that was connected: which tools it was shown when it was tried, and where each account has its
/// own list, that its server is asked with it from now on.
pub(super) async fn connected(
    host: &Host,
    (installed, account): (&Installed, &Account),
    tried: Option<&Answer>,
) -> Result<(), Fault> {
    if !installed.is_of_server() {
        return Ok(());
    }
    if let Some(answer) = tried {
        note_shown(host, &account.project, answer).await?;
    }
    if installed.is_of_accounts() {
        let (project, name, now) = (&account.project, &installed.connector.name, host.clock.now());
        host.store.remember_account(project, name, &account.id, now).await.map_err(faults::store)?;
        host.hints.came.notify_one();
    }
    Ok(())
}

impl Host {
    /// Goes on for ever: asks servers whose lists are not fresh any more, and at once those that hint at it.
    pub async fn keep_lists_fresh(&self) {
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = self.hints.came.notified() => {}
            }
            self.ask_servers().await;
        }
    }

    /// One turn.
    pub async fn ask_servers(&self) {
        if self.is_draining() {
            return;
        }
        for (project, name, account) in self.hints.take() {
            if let Err(error) = self.store.hasten_discovery(&project, &name, account.as_ref(), millis(GAP)).await {
                tracing::warn!(connector = name, %error, "what a server hinted at could not be written down");
            }
        }
        match self.store.due_discoveries(self.clock.now()).await {
            Ok(due) => {
                let asked = due.into_iter().map(|row| ask(self.clone(), row));
                stream::iter(asked).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
            }
            Err(error) => tracing::warn!(%error, "which servers are to be asked could not be read"),
        }
    }
}

/// Asks a server, if no other host does.
async fn ask(host: Host, row: DiscoveryRow) {
    let now = host.clock.now();
    let lease = now.plus(LEASE);
    match host.store.claim_discovery(&row, now, lease).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => {
            tracing::warn!(connector = row.name, %error, "a server could not be claimed, to be asked for its tools");
            return;
        }
    }
    let row = DiscoveryRow { asked_at: now, ..row };
    let ended = Box::pin(asked(&host, &row)).await;
    let row = after(row, ended, host.clock.now());
    if let Some(error) = &row.error {
        tracing::warn!(connector = row.name, error, "a server's list of tools is not fresh");
    }
    if let Err(error) = host.store.end_discovery(&row, lease).await {
        tracing::warn!(connector = row.name, %error, "what came of asking a server could not be written down");
    }
}

/// When a server is asked next.
fn after(row: DiscoveryRow, ended: Ended, now: Timestamp) -> DiscoveryRow {
    match ended {
        Ended::Fresh(said, period) => DiscoveryRow {
            next_at: Some(now.plus(said.unwrap_or(period))),
            fresh_for: said.map(millis),
            failures: 0,
            error: None,
            ..row
        },
        Ended::Off => DiscoveryRow { next_at: None, failures: 0, error: None, ..row },
        Ended::NotNow => DiscoveryRow { next_at: Some(now.plus(TURN)), ..row },
        Ended::Failed(reason, period) => {
            let first = row.fresh_for.and_then(|said| u64::try_from(said).ok()).map_or(period, Duration::from_millis);
            let doubled = u32::try_from(row.failures).unwrap_or(MAX_DOUBLED).min(MAX_DOUBLED);
            let wait = first.saturating_mul(1 << doubled).min(LONGEST);
            let (next_at, failures) = (Some(now.plus(wait)), row.failures.saturating_add(1));
            DiscoveryRow { next_at, failures, error: Some(short(&reason)), ..row }
        }
        Ended::Over(reason) => DiscoveryRow { next_at: None, error: Some(short(&reason)), ..row },
    }
}

async fn asked(host: &Host, row: &DiscoveryRow) -> Ended {
    let upkeep = match catalog::upkeep(host.importing(), &row.project, &row.name).await {
        Ok(Some(upkeep)) => upkeep,
        Ok(None) => return Ended::Over("the connector is not made of an MCP server any more".into()),
        Err(error) if error.is_hosts_own() => return Ended::NotNow,
        Err(error) => return Ended::Over(error.to_string()),
    };
    let Some(period) = upkeep.period else { return Ended::Off };
    if !upkeep.is_pinned {
        return Ended::Over("no operator has asked the server where it is now: discover its tools".into());
    }
    let caller = identity::caller(&host.store, &row.project, &row.asked_by, row.identifier.clone()).await;
    let caller = match caller {
        Ok(Some(caller)) => caller,
        Ok(None) => return Ended::Over("who asked for its tools is no caller any more: discover them again".into()),
        Err(_) => return Ended::NotNow,
    };
    match listed(host, &caller, row).await {
        Ok(answer) => {
            let fresh_for = catalog::fresh_for(&answer.data);
            if note_shown(host, &row.project, &answer).await.is_err() {
                return Ended::NotNow;
            }
            match taken(host, row, answer.data).await {
                Ok(()) => Ended::Fresh(fresh_for, period),
                Err(error) if error.is_hosts_own() => Ended::NotNow,
                Err(error) => Ended::Failed(error.to_string(), period),
            }
        }
        Err(fault) => refused(fault, period),
    }
}

/// What the server has, by a call like any other.
async fn listed(host: &Host, caller: &Caller, row: &DiscoveryRow) -> Result<Answer, Fault> {
    let request = CallRequest {
        identifier: row.identifier.clone(),
        organization: row.organization.clone(),
        account: Some(row.account.clone()),
        trigger_type: Some(TRIGGER.into()),
        ..CallRequest::new(Surface::ToolTest, format!("{}{DISCOVERY}", row.name), "{}")
    };
    match super::call(host, caller, request).await {
        Ok(Reply::Done(answer)) => Ok(answer),
        Ok(Reply::Waiting(held)) => {
            // Nobody is to decide on a question whose answer nobody would take.
            cancel::end_waiting(host, &row.project, &held.execution).await;
            let detail = "a policy wants a person to look at this: an operator has to ask";
            Err(Fault::new(Code::ApprovalRequired, Culprit::Policy, detail))
        }
        Ok(Reply::Started(_)) => Err(Fault::new(Code::Internal, Culprit::Host, "the call goes on by itself")),
        Err(failed) => Err(failed.fault),
    }
}

/// Puts what was found to what an operator took over, as the host.
async fn taken(host: &Host, row: &DiscoveryRow, found: String) -> Result<(), CatalogError> {
    let by = By::host(host.clock.now());
    let news = News::FoundAgain(found);
    let declared = catalog::refresh(host.importing(), &by, &row.project, &row.name, news).await?;
    if let Some(declared) = declared {
        let held = declared.held.is_some();
        tracing::info!(connector = row.name, held, "an MCP server has other tools");
    }
    Ok(())
}

/// What a failure of the call means for the next one.
fn refused(fault: Fault, period: Duration) -> Ended {
    match (fault.code, fault.culprit) {
        (Code::Unavailable | Code::Internal, Culprit::Host) => Ended::NotNow,
        // The account or the tool is gone; with another account it is an operator who asks.
        (Code::NotFound | Code::AccountNotConnected | Code::AmbiguousAccount, Culprit::Caller)
        | (Code::ApprovalRequired, _) => Ended::Over(fault.detail),
        _ => Ended::Failed(fault.detail, period),
    }
}

fn short(reason: &str) -> String {
    reason.chars().take(MAX_ERROR).collect()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock, KeyId, Random};

    const MINUTE: Duration = Duration::from_secs(60);

    fn row() -> DiscoveryRow {
        let (clock, random) = (Clock::system(), Random::system());
        DiscoveryRow {
            project: ProjectId::new(&clock, &random),
            name: "desk".into(),
            account: AccountId::new(&clock, &random),
            identifier: None,
            organization: None,
            asked_by: KeyId::of(&["a"]),
            asked_at: Timestamp(0),
            next_at: Some(Timestamp(0)),
            fresh_for: None,
            failures: 0,
            error: None,
        }
    }

    #[test]
    fn failures_wait_twice_as_long_each_time_up_to_a_day() {
        let mut row = row();
        for wait in [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440] {
            row = after(row, Ended::Failed("x".repeat(MAX_ERROR + 1), 5 * MINUTE), Timestamp(0));
            assert_eq!(row.next_at, Some(Timestamp(0).plus(wait * MINUTE)), "{wait}");
            assert_eq!(row.error.as_ref().unwrap().len(), MAX_ERROR);
        }
        // What the server said of its list holds while it says nothing.
        let said = DiscoveryRow { fresh_for: Some(millis(MINUTE)), failures: 0, ..row.clone() };
        let failed = after(said, Ended::Failed("x".into(), 5 * MINUTE), Timestamp(0));
        assert_eq!(failed.next_at, Some(Timestamp(0).plus(MINUTE)));
        let many = DiscoveryRow { failures: i64::MAX, ..row.clone() };
        assert_eq!(
            after(many, Ended::Failed(String::new(), MINUTE), Timestamp(0)).next_at,
            Some(Timestamp(0).plus(LONGEST))
        );
        let fresh = after(row.clone(), Ended::Fresh(None, 5 * MINUTE), Timestamp(7));
        assert_eq!((fresh.next_at, fresh.failures, fresh.error), (Some(Timestamp(7).plus(5 * MINUTE)), 0, None));
        let later = after(row.clone(), Ended::NotNow, Timestamp(0));
        assert_eq!(
            (later.failures, later.error.is_some(), later.next_at),
            (row.failures, true, Some(Timestamp(0).plus(TURN)))
        );
        for (ended, error) in [(Ended::Off, false), (Ended::Over("gone".into()), true)] {
            let over = after(row.clone(), ended, Timestamp(0));
            assert_eq!((over.next_at, over.error.is_some()), (None, error));
        }
    }

    #[test]
    fn hints_are_kept_once_and_not_without_end() {
        let (hints, project) = (Hints::default(), row().project);
        for n in 0..MAX_HINTS + 5 {
            hints.note((project.clone(), format!("desk{n}"), None));
            hints.note((project.clone(), format!("desk{n}"), None));
        }
        assert_eq!(hints.take().len(), MAX_HINTS);
        assert!(hints.take().is_empty());
    }
}
