//! Which account a refused call lacks: what whoever makes links needs to know.

use super::readiness::readiness;
use super::resolve::{find_tool, identifier_for};
use super::{CallRequest, Host, faults, profiles};
use crate::model::{Account, AccountId, AccountState, Caller, Code, Connection, Fault};

/// What a call was about, as far as its account goes.
#[derive(Clone, Debug)]
pub struct About {
    tool: String,
    identifier: Option<String>,
    organization: Option<String>,
    connection: Option<String>,
    account: Option<AccountId>,
}

/// An account that a user could connect, or connect again, for a call to come through.
#[derive(Debug)]
pub struct Lack {
    /// Through what.
    pub connection: Connection,
    /// The account, where there is one.
    pub account: Option<Account>,
    /// Whose it is to be.
    pub identifier: String,
    /// Their organization; empty for none.
    pub organization: String,
}

impl About {
    /// That of a call.
    pub fn of(request: &CallRequest) -> Self {
        Self {
            tool: request.tool.clone(),
            identifier: request.identifier.clone(),
            organization: request.organization.clone(),
            connection: request.connection.clone(),
            account: request.account.clone(),
        }
    }
}

/// What a call lacked that was refused with `fault`; `None` where no user can mend it, or several accounts could be meant.
///
/// # Errors
/// Those of the database, and what the call itself would be told.
pub async fn lacking(host: &Host, caller: &Caller, about: &About, fault: &Fault) -> Result<Option<Lack>, Fault> {
    let more_scopes = match fault.code {
        Code::AccountNotConnected | Code::AccountNotActive => false,
        // An inner call's are another tool's.
        Code::MissingScopes if !fault.missing_scopes.is_empty() => true,
        _ => return Ok(None),
    };
    let named = identifier_for(caller, about.identifier.as_deref())?.map(str::to_owned);
    let identifier = match (named, &about.account) {
        (Some(identifier), _) => identifier,
        (None, Some(id)) => {
            let found = host.store.account_with_connection(&caller.project, id).await.map_err(faults::store)?;
            let Some((_, account)) = found else { return Ok(None) };
            account.identifier
        }
        (None, None) => return Ok(None),
    };
    let (installed, tool) = find_tool(host, &caller.project, &about.tool).await?;
    let tool = &installed.tools[tool].tool.name;
    let profile = profiles::bound(host, caller).await?;
    let organization = about.organization.as_deref();
    let all = readiness(host, &caller.project, &identifier, organization).await?;
    let mut meant = all.into_iter().filter(|one| {
        let of_call = one.connection.connector == installed.connector.name
            && about.connection.as_ref().is_none_or(|name| *name == one.connection.name)
            && about.account.as_ref().is_none_or(|id| one.account.as_ref().is_some_and(|account| account.id == *id))
            && profile.as_ref().is_none_or(|profile| profile.names(&one.connection.name, tool));
        let lacks = match &one.account {
            Some(account) if more_scopes => !account.shared && account.state == AccountState::Active,
            _ => !more_scopes && one.can_reconnect(),
        };
        of_call && lacks
    });
    let (Some(one), None) = (meant.next(), meant.next()) else { return Ok(None) };
    let organization = match &one.account {
        Some(account) => account.organization.clone(),
        None => organization.unwrap_or_default().to_owned(),
    };
    Ok(Some(Lack { connection: one.connection, account: one.account, identifier, organization }))
}
