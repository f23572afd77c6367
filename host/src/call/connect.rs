//! Connects an account with what a user filled in: tried with the connector's test call before anything is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::resolve::Resolved;
use super::run::Attempt;
use super::{Answer, CallRequest, Failed, Held, Host, Reply, faults, import, run, secrets, servers, simulated, tokens};
use crate::accounts::{AccountError, Candidate, Kept, Prepared, prepare};
use crate::catalog::Installed;
use crate::model::{
    Account, AccountId, AccountState, AccountToken, AuthKind, AuthPattern, Caller, Code, Connection, Culprit, Fault,
    Field, Secret, Surface,
};
use crate::oauth;
use crate::store::{CallContext, ContextQuery, StoreError};

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
    /// Whether it serves all users who have none of their own; a new one does not if `None`.
    pub shared: Option<bool>,
    /// JSON text of an object in place of the account's settings; they stay if `None`.
    pub settings: Option<String>,
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

/// What changes of an account; the rest stays.
#[derive(Debug)]
pub struct AccountChange {
    /// Secret and public fields; `None` removes one.
    pub credentials: BTreeMap<String, Option<Secret>>,
    /// Further public fields; `None` removes one.
    pub fields: BTreeMap<String, Option<String>>,
    /// JSON text of an object in place of the account's settings.
    pub settings: Option<String>,
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
    let mut account = existing.unwrap_or_else(|| new_account(host, connection, &request));
    if request.shared.is_some_and(|shared| shared != account.shared) {
        let detail = "whom an account serves does not change: remove it, and connect it anew";
        return Err(Fault::new(Code::Conflict, Culprit::Caller, detail).into());
    }
    let settings_change = request.settings.as_ref().is_some_and(|settings| *settings != account.settings);
    account.settings = request.settings.unwrap_or(account.settings);
    let mut candidate = match request.candidate {
        Some(candidate) => candidate,
        None if account.state == AccountState::Pending && needs_nothing(host, connection).await? => Candidate::empty(),
        None => return known_or_pending(host, caller, account, (known, settings_change)).await,
    };
    if !candidate.credentials.is_empty() {
        simulated::takes_credentials(connection)?;
    }
    let (installed, pattern) = parts(host, connection).await?;
    let (clock, connector, kept) = (&host.clock, &installed.connector, Kept::default());
    let imported = import::take(&pattern, &mut candidate.credentials, clock.now())?;
    let prepared =
        prepare(&host.vault, clock, connection, connector, &pattern, account, (candidate, kept)).map_err(fault)?;
    let prepared = match imported {
        Some(tokens) => import::sealed(host, connection, &pattern, prepared, tokens).await?,
        None => tokens::first(host, connection, &pattern, prepared).await?,
    };
    // Whoever calls brings the token of such an account: with none there is nothing to try yet.
    let mut tried = None;
    if !matches!(pattern.kind, AuthKind::CallerToken { .. }) || caller.token.is_some() {
        tried = probe(host, caller, (Arc::clone(&installed), context(connection, &prepared)), false).await?;
    }
    let by = caller.by(host.clock.now());
    let put = host.store.put_account(&by, &prepared.account, &prepared.sealed).await.map_err(raced)?;
    servers::connected(host, (&installed, &put.0), tried.as_ref()).await?;
    Ok(Connected { account: put.0, created: put.1 })
}

/// An account that nobody gave a credential for: it waits for one, or stays what it is.
async fn known_or_pending(
    host: &Host,
    caller: &Caller,
    account: Account,
    (known, settings_change): (bool, bool),
) -> Result<Connected, Failed> {
    let by = caller.by(host.clock.now());
    if !known {
        let put = host.store.put_account(&by, &account, &Default::default()).await.map_err(faults::store)?;
        return Ok(Connected { account: put.0, created: put.1 });
    }
    if settings_change {
        let (project, id) = (&account.project, &account.id);
        host.store.set_account_settings(&by, project, id, &account.settings).await.map_err(faults::store)?;
        return Ok(Connected { account: Account { updated_at: by.at, ..account }, created: false });
    }
    Ok(Connected { account, created: false })
}

/// Changes an account in part (AK-108). A new credential is tried like that of a new account; `None` if there is no such
/// account.
pub async fn change_account(
    host: &Host,
    caller: &Caller,
    connection: &Connection,
    id: &AccountId,
    change: AccountChange,
) -> Result<Option<Account>, Failed> {
    let project = &connection.project;
    let Some(before) = host.store.credential(project, id).await.map_err(faults::store)? else { return Ok(None) };
    let mut account = before.account;
    account.settings = change.settings.unwrap_or(account.settings);
    let (state, by) = (account.state, caller.by(host.clock.now()));
    if change.credentials.is_empty() && change.fields.is_empty() {
        let set = host.store.set_account_settings(&by, project, id, &account.settings).await;
        let set = set.map_err(faults::store)?;
        return Ok(set.then_some(Account { updated_at: by.at, ..account }));
    }
    let mut kept = before.sealed.clone();
    let mut candidate = Candidate { credentials: BTreeMap::new(), fields: account.fields.clone() };
    for (name, value) in change.fields {
        match value {
            Some(value) => drop(candidate.fields.insert(name, value)),
            None => drop(candidate.fields.remove(&name)),
        }
    }
    for (name, value) in change.credentials {
        kept.remove(&name);
        candidate.fields.remove(&name);
        candidate.credentials.extend(value.map(|value| (name, value)));
    }
    if !candidate.credentials.is_empty() {
        simulated::takes_credentials(connection)?;
    }
    let (installed, pattern) = parts(host, connection).await?;
    let has_new = candidate.credentials.keys().any(|name| pattern.field(name).is_some_and(|field| field.secret));
    let (clock, connector) = (&host.clock, &installed.connector);
    let mut prepared =
        prepare(&host.vault, clock, connection, connector, &pattern, account, (candidate, kept)).map_err(fault)?;
    if !has_new {
        // Nothing new was given that could make a refused credential work.
        prepared.account.state = state;
    } else if !oauth::is_consented(&pattern.kind) {
        prepared = tokens::first(host, connection, &pattern, prepared).await?;
    }
    let mut tried = None;
    if prepared.account.state == AccountState::Active {
        // A token that was just got for what is new is the one that is tried.
        tried = probe(host, caller, (Arc::clone(&installed), context(connection, &prepared)), !has_new).await?;
    }
    let changed = host.store.change_account(&by, &prepared.account, (&before.sealed, &prepared.sealed), state).await;
    if !changed.map_err(faults::store)? {
        let detail = "the account was changed at the same time: try again";
        return Err(Fault::new(Code::Conflict, Culprit::Caller, detail).into());
    }
    servers::connected(host, (&installed, &prepared.account), tried.as_ref()).await?;
    Ok(Some(prepared.account))
}

/// Whether named secrets fill all that an account of this connection needs.
async fn needs_nothing(host: &Host, connection: &Connection) -> Result<bool, Fault> {
    if connection.credentials.is_empty() {
        return Ok(false);
    }
    let (_, pattern) = parts(host, connection).await?;
    let filled = |field: &Field| !field.required || connection.credentials.contains_key(&field.name);
    Ok(!matches!(pattern.kind, AuthKind::OAuth2(_) | AuthKind::OAuth1a(_)) && pattern.fields.iter().all(filled))
}

fn context(connection: &Connection, prepared: &Prepared) -> Arc<CallContext> {
    let Prepared { account, sealed } = prepared;
    Arc::new(CallContext { connection: connection.clone(), account: account.clone(), sealed: sealed.clone() })
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
    let wanted = ContextQuery {
        connector: &connection.connector,
        connection: Some(&connection.name),
        identifier: None,
        organization: None,
        account: Some(account),
    };
    let found = host.store.call_contexts(&caller.project, &wanted).await.map_err(faults::store)?;
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
    let secrets = secrets::filled(host, &context).await?;
    let resolved = Resolved { stored, secrets, ..Resolved::plain(host, installed, tool, context) };
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
        shared: request.shared.unwrap_or(false),
        state: AccountState::Pending,
        disabled: false,
        fields: Default::default(),
        settings: "{}".to_owned(),
        scopes: Vec::new(),
        hosts: Vec::new(),
        token: AccountToken::none(),
        created_at: now,
        updated_at: now,
        last_used_at: None,
        shown: None,
    }
}

fn fault(error: AccountError) -> Fault {
    match error {
        AccountError::Invalid(errors) => {
            let detail = "the credentials do not fit the auth pattern";
            Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) }
        }
        AccountError::Moved { .. } => Fault::new(Code::InvalidInput, Culprit::Caller, error.to_string()),
        AccountError::Field(detail) => Fault::new(Code::InvalidInput, Culprit::Caller, detail),
        AccountError::Vault(error) => faults::vault(&error),
    }
}
