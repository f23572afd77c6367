//! Connects an account with what a user filled in: tried with the connector's test call before anything is stored.

use std::sync::Arc;
use std::time::Instant;

use super::resolve::Resolved;
use super::run::Attempt;
use super::{Answer, CallRequest, Failed, Held, Host, Reply, faults, run, simulated, tokens};
use crate::accounts::{AccountError, Candidate, prepare};
use crate::catalog::Installed;
use crate::model::{
    Account, AccountId, AccountState, AccountToken, AuthPattern, Caller, Code, Connection, Culprit, Fault, Surface,
};
use crate::store::{CallContext, StoreError};

/// What marks the execution of a test call.
pub(super) const TRIGGER: &str = "connection_test";

/// Whose account, and what they filled in.
#[derive(Debug)]
pub struct ConnectRequest {
    /// The user.
    pub identifier: String,
    /// The user's organization; empty for none.
    pub organization: String,
    /// Tells several accounts of one user apart; empty for the first.
    pub label: String,
    /// What they filled in; `None` makes sure of an account that waits to be connected.
    pub candidate: Option<Candidate>,
}

/// An account, and whether it is new.
#[derive(Debug)]
pub struct Connected {
    /// The account.
    pub account: Account,
    /// Whether it is new.
    pub created: bool,
}

/// Gets or creates an account; with credentials, connects it.
///
/// A credential that the provider refuses is never stored, so it is never shown as active (lesson 8), and a working one
/// is not lost to a mistyped one. A provider that cannot be reached means that nothing is known: nothing is stored, and
/// the error says so.
pub async fn connect(
    host: &Host,
    caller: &Caller,
    connection: &Connection,
    request: ConnectRequest,
) -> Result<Connected, Failed> {
    let existing = existing(host, connection, &request).await?;
    let known = existing.is_some();
    let account = existing.unwrap_or_else(|| new_account(host, connection, &request));
    let Some(candidate) = request.candidate else {
        if known {
            return Ok(Connected { account, created: false });
        }
        let by = caller.by(host.clock.now());
        let put = host.store.put_account(&by, &account, &Default::default()).await.map_err(faults::store)?;
        return Ok(Connected { account: put.0, created: put.1 });
    };
    if !candidate.credentials.is_empty() {
        simulated::takes_credentials(connection)?;
    }
    let (installed, pattern) = parts(host, connection).await?;
    let prepared = prepare(&host.vault, &host.clock, connection, &installed.connector, &pattern, account, candidate)
        .map_err(fault)?;
    let prepared = tokens::first(host, connection, &pattern, prepared).await?;
    let context = Arc::new(CallContext {
        connection: connection.clone(),
        account: prepared.account.clone(),
        sealed: prepared.sealed.clone(),
    });
    probe(host, caller, (installed, context), false).await?;
    let by = caller.by(host.clock.now());
    let put = host.store.put_account(&by, &prepared.account, &prepared.sealed).await.map_err(raced)?;
    Ok(Connected { account: put.0, created: put.1 })
}

/// The account's id is sealed into its credential: when two callers make the same account at once, one has to seal anew.
pub(super) fn raced(error: StoreError) -> Fault {
    match error {
        StoreError::Conflict(_) => {
            let detail = "somebody else connected the same account at the same time: try again";
            Fault::new(Code::Conflict, Culprit::Caller, detail)
        }
        error => faults::store(error),
    }
}

/// Tries a stored account with the connector's test call. `None` if the connector declares none.
pub async fn test_account(
    host: &Host,
    caller: &Caller,
    connection: &Connection,
    account: &AccountId,
) -> Result<Option<Answer>, Failed> {
    let (installed, _) = parts(host, connection).await?;
    let found = host
        .store
        .call_contexts(&caller.project, &connection.connector, Some(&connection.name), None, Some(account))
        .await
        .map_err(faults::store)?;
    let Some(context) = found.into_iter().next() else {
        return Err(Fault::new(Code::NotFound, Culprit::Caller, format!("there is no account {account}")).into());
    };
    probe(host, caller, (installed, context), true).await
}

async fn probe(
    host: &Host,
    caller: &Caller,
    (installed, context): (Arc<Installed>, Arc<CallContext>),
    stored: bool,
) -> Result<Option<Answer>, Failed> {
    let Some(test) = installed.connector.test.clone() else { return Ok(None) };
    let Some(tool) = installed.tools.iter().position(|tool| tool.tool.name == test.tool) else { return Ok(None) };
    let request = CallRequest {
        trigger_type: Some(TRIGGER.into()),
        ..CallRequest::new(Surface::AccountTest, test.tool, test.input)
    };
    let (task_host, caller) = (host.clone(), caller.clone());
    // An operator tries the account as it is: neither a profile, a preset nor a modifier has a part in it.
    let resolved = Resolved { stored, ..Resolved::plain(host, installed, tool, context) };
    host.refuse_while_draining()?;
    let answer = host
        .run_to_end(async move {
            // An operator tries an account that calls cannot go through yet: no rule is asked.
            run::run(&task_host, &caller, &request, resolved, Attempt::free(), Instant::now()).await
        })
        .await
        .map_err(refused)?;
    match answer {
        Reply::Done(answer) => Ok(Some(answer)),
        Reply::Waiting(Held { execution, .. }) | Reply::Started(execution) => {
            let detail = "the connector's test call waits for somebody: its author has to choose one that does not";
            let fault = Fault::new(Code::GuestError, Culprit::Guest, detail);
            Err(Failed { execution: Some(execution), fault })
        }
    }
}

/// A refusal by the provider is a mistake in what the user filled in; anything else stays what it is.
fn refused(failed: Failed) -> Failed {
    match failed.fault.code {
        Code::AccountNotActive | Code::Forbidden if failed.fault.culprit == Culprit::Upstream => {
            let detail = format!("the provider refused this credential; nothing was stored. {}", failed.fault.detail);
            Failed { fault: Fault::new(Code::InvalidInput, Culprit::Caller, detail), ..failed }
        }
        _ => {
            let detail = format!("the credential could not be tried; nothing was stored. {}", failed.fault.detail);
            Failed { fault: Fault { detail, ..failed.fault }, ..failed }
        }
    }
}

/// A connection's connector and auth pattern.
pub(super) async fn parts(host: &Host, connection: &Connection) -> Result<(Arc<Installed>, AuthPattern), Fault> {
    let found = host.catalog.find_connector(&host.store, &connection.project, &connection.connector);
    let installed = found.await.map_err(faults::catalog)?.ok_or_else(|| {
        let detail = format!("connector `{}` is not installed or cannot be used", connection.connector);
        Fault::new(Code::Conflict, Culprit::Caller, detail)
    })?;
    let pattern = installed.connector.auth_pattern(&connection.auth_pattern).cloned().ok_or_else(|| {
        let detail = format!("the connector no longer has the auth pattern `{}`", connection.auth_pattern);
        Fault::new(Code::Conflict, Culprit::Caller, detail)
    })?;
    Ok((installed, pattern))
}

async fn existing(host: &Host, connection: &Connection, request: &ConnectRequest) -> Result<Option<Account>, Fault> {
    let found = host
        .store
        .find_accounts(
            &connection.project,
            &connection.id,
            &request.identifier,
            Some(&request.organization),
            Some(&request.label),
        )
        .await
        .map_err(faults::store)?;
    Ok(found.into_iter().next())
}

fn new_account(host: &Host, connection: &Connection, request: &ConnectRequest) -> Account {
    let now = host.clock.now();
    Account {
        id: AccountId::new(&host.clock, &host.random),
        project: connection.project.clone(),
        connection: connection.id.clone(),
        identifier: request.identifier.clone(),
        organization: request.organization.clone(),
        label: request.label.clone(),
        state: AccountState::Pending,
        disabled: false,
        fields: Default::default(),
        scopes: Vec::new(),
        hosts: Vec::new(),
        token: AccountToken::none(),
        created_at: now,
        updated_at: now,
    }
}

fn fault(error: AccountError) -> Fault {
    match error {
        AccountError::Invalid(errors) => {
            let detail = "the credentials do not fit the auth pattern";
            Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) }
        }
        AccountError::Field(detail) => Fault::new(Code::InvalidInput, Culprit::Caller, detail),
        AccountError::Vault(error) => faults::vault(&error),
    }
}
