//! Looks at a link: what it is about, and whether it may still be used. Nothing changes.

use std::sync::Arc;

use super::browser::{hash, is_unguessable};
use super::{Browser, ConnectError};
use crate::call::Host;
use crate::catalog::Installed;
use crate::model::{Account, AuthPattern, AuthRequest, AuthRequestId, AuthStep, Caller, Connection, Role, Scopes};
use crate::store::AuthRequestRow;

/// What a link is about.
#[derive(Debug)]
pub struct Visit {
    /// The attempt.
    pub request: AuthRequest,
    /// What its next step needs, sealed.
    pub(super) kept: Option<String>,
    /// Through what.
    pub connection: Connection,
    /// The connector.
    pub installed: Arc<Installed>,
    /// How it is authorized.
    pub pattern: AuthPattern,
    /// Whose account.
    pub account: Account,
}

/// What is there to be seen.
#[derive(Debug)]
pub enum Seen {
    /// It may be used.
    Open(Box<Visit>),
    /// It was used.
    Used,
    /// Its time is over.
    Late,
    /// There is no such link, or what it was about is gone.
    Unknown,
}

/// How an attempt ended, or where it is.
#[derive(Debug)]
pub struct Ending {
    /// The attempt.
    pub request: AuthRequest,
    /// What it was about; `None` if that is gone.
    pub visit: Option<Box<Visit>>,
}

impl Visit {
    /// Whoever made the link: what follows from it is done for them.
    pub(super) fn caller(&self) -> Caller {
        let AuthRequest { project, key, .. } = &self.request;
        Caller {
            project: project.clone(),
            key: key.clone(),
            name: String::new(),
            role: Role::Admin,
            identifier: None,
            profile: None,
            scopes: Scopes::of_role(Role::Admin),
            organization: None,
            token: None,
        }
    }
}

/// What a link with this token opens.
pub async fn look(host: &Host, token: &str) -> Result<Seen, ConnectError> {
    if !is_unguessable(token) {
        return Ok(Seen::Unknown);
    }
    let Some(row) = host.store.auth_request_of_token(&hash("link", token)).await? else { return Ok(Seen::Unknown) };
    if row.request.step != AuthStep::Linked {
        return Ok(Seen::Used);
    }
    if row.request.expires_at <= host.clock.now() {
        return Ok(Seen::Late);
    }
    Ok(about(host, row).await?.map_or(Seen::Unknown, |visit| Seen::Open(Box::new(visit))))
}

/// How an attempt ended, told to the browser that made it and to nobody else.
pub async fn ending(host: &Host, browser: &Browser, id: &AuthRequestId) -> Result<Option<Ending>, ConnectError> {
    let Some(row) = host.store.auth_request(id).await? else { return Ok(None) };
    if row.request.browser.as_deref() != Some(browser.hash().as_str()) {
        return Ok(None);
    }
    let request = row.request.clone();
    Ok(Some(Ending { request, visit: about(host, row).await?.map(Box::new) }))
}

/// What an attempt is about, as it is now; `None` if some of it is gone.
pub(super) async fn about(host: &Host, row: AuthRequestRow) -> Result<Option<Visit>, ConnectError> {
    let AuthRequestRow { request, kept } = row;
    let found = host.store.account_with_connection(&request.project, &request.account).await?;
    let Some((connection, account)) = found else { return Ok(None) };
    let installed = host.catalog.find_connector(&host.store, &request.project, &connection.connector).await?;
    let Some(installed) = installed else { return Ok(None) };
    let Some(pattern) = installed.connector.auth_pattern(&connection.auth_pattern).cloned() else { return Ok(None) };
    Ok(Some(Visit { request, kept, connection, installed, pattern, account }))
}
