//! Which tool, through which connection, as whom: the one answer that listing and calling share (lesson 14).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::{MAX_INPUT, MAX_NAMED};
use super::{CallRequest, Host, faults};
use crate::catalog::{Installed, InstalledTool};
use crate::model::{Account, AccountState, Caller, Code, Connection, Culprit, Fault, ProjectId};
use crate::store::{AccountFilter, CallContext};

/// All that a call needs to run, checked.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The connector.
    pub(super) installed: Arc<Installed>,
    /// Position of the tool in it.
    pub(super) tool: usize,
    /// Connection, account and sealed credential.
    pub(super) context: Arc<CallContext>,
}

impl Resolved {
    pub(super) fn tool(&self) -> &InstalledTool {
        &self.installed.tools[self.tool]
    }
}

/// A tool that a caller sees, and through which connections.
#[derive(Clone, Debug)]
pub struct Visible {
    /// The connector.
    pub installed: Arc<Installed>,
    /// Position of the tool in it.
    pub tool: usize,
    /// Names of the connections that it can be called through.
    pub connections: Vec<String>,
}

impl Visible {
    /// The tool.
    pub fn tool(&self) -> &InstalledTool {
        &self.installed.tools[self.tool]
    }
}

/// Finds and checks everything that a call needs. Cheap checks come before the database.
pub(super) async fn resolve(host: &Host, caller: &Caller, request: &CallRequest) -> Result<Resolved, Fault> {
    let (installed, tool) = find_tool(host, &caller.project, &request.tool).await?;
    if request.input.len() > MAX_INPUT {
        let detail = format!("the input has {} bytes; at most {MAX_INPUT} are accepted", request.input.len());
        return Err(Fault::new(Code::PayloadTooLarge, Culprit::Caller, detail));
    }
    if let Err(errors) = installed.tools[tool].check_input(&request.input) {
        return Err(faults::invalid_input(errors));
    }
    let identifier = identifier_for(caller, request.identifier.as_deref())?;
    if identifier.is_none() && request.account.is_none() {
        let detail = "say for whom the tool is called: give `identifier` or `account`";
        return Err(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
    }
    let found = host
        .store
        .call_contexts(
            &caller.project,
            &installed.connector.name,
            request.connection.as_deref(),
            identifier,
            request.account.as_ref(),
        )
        .await
        .map_err(faults::store)?;
    let context = one_of(host, caller, request, &installed.connector.name, identifier, found).await?;
    usable(&context.connection, &context.account)?;
    missing_scopes(&installed.tools[tool], &context.account)?;
    Ok(Resolved { installed, tool, context })
}

/// The tools that `caller` may call for `identifier`, each with the connections it would go through; without an
/// identifier, all that are installed.
pub async fn visible_tools(host: &Host, caller: &Caller, identifier: Option<&str>) -> Result<Vec<Visible>, Fault> {
    let identifier = identifier_for(caller, identifier)?;
    let mut by_connector: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some(identifier) = identifier {
        let filter = AccountFilter { identifier: Some(identifier.to_owned()), ..AccountFilter::default() };
        let found = host.store.accounts_with_connections(&caller.project, &filter).await.map_err(faults::store)?;
        for (connection, account) in found {
            if usable(&connection, &account).is_ok() {
                let names = by_connector.entry(connection.connector).or_default();
                if !names.contains(&connection.name) {
                    names.push(connection.name);
                }
            }
        }
    }
    let mut tools = Vec::new();
    for installed in host.catalog.connectors(&caller.project) {
        let connections = match identifier {
            None => Vec::new(),
            Some(_) => match by_connector.get(&installed.connector.name) {
                None => continue,
                Some(names) => names.clone(),
            },
        };
        for tool in 0..installed.tools.len() {
            tools.push(Visible { installed: Arc::clone(&installed), tool, connections: connections.clone() });
        }
    }
    Ok(tools)
}

/// Whether calls may go through this connection as this account now.
pub(super) fn usable(connection: &Connection, account: &Account) -> Result<(), Fault> {
    if connection.disabled {
        let detail = format!("connection `{}` is disabled", connection.name);
        return Err(Fault::new(Code::AccountDisabled, Culprit::Policy, detail));
    }
    if account.disabled {
        let detail = format!("the account of `{}` on `{}` is disabled", account.identifier, connection.name);
        return Err(Fault::new(Code::AccountDisabled, Culprit::Policy, detail));
    }
    if account.state != AccountState::Active {
        let detail = format!(
            "the account of `{}` on `{}` is {}: connect it again",
            account.identifier,
            connection.name,
            account.state.as_str()
        );
        return Err(Fault::new(Code::AccountNotActive, Culprit::Caller, detail));
    }
    Ok(())
}

fn missing_scopes(tool: &InstalledTool, account: &Account) -> Result<(), Fault> {
    // Static credentials do not tell their scopes: nothing is known to be missing.
    if account.scopes.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> =
        tool.tool.scopes.iter().filter(|scope| !account.scopes.contains(scope)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!("the account lacks {}", missing.join(", "));
    Err(Fault { missing_scopes: missing, ..Fault::new(Code::MissingScopes, Culprit::Caller, detail) })
}

async fn find_tool(host: &Host, project: &ProjectId, name: &str) -> Result<(Arc<Installed>, usize), Fault> {
    let found = host.catalog.find_tool(&host.store, project, name).await.map_err(faults::catalog)?;
    if let Some(found) = found {
        return Ok(found);
    }
    let connector = name.split('_').next().unwrap_or(name);
    if let Some(reason) = host.catalog.broken(project, connector) {
        let detail = format!("connector `{connector}` is installed but cannot be used: {reason}");
        return Err(Fault::new(Code::GuestError, Culprit::Guest, detail));
    }
    let detail = format!("there is no tool `{}`: GET /v1/tools lists them", faults::quoted(name));
    Err(Fault::new(Code::NotFound, Culprit::Caller, detail))
}

/// The user that the caller acts for: a bound key acts for its own user only (lesson 6).
fn identifier_for<'a>(caller: &'a Caller, asked: Option<&'a str>) -> Result<Option<&'a str>, Fault> {
    match (caller.identifier.as_deref(), asked) {
        (Some(own), Some(asked)) if own != asked => {
            let detail = "this key may act for its own user only";
            Err(Fault::new(Code::Forbidden, Culprit::Caller, detail))
        }
        (Some(own), _) => Ok(Some(own)),
        (None, asked) => Ok(asked),
    }
}

async fn one_of(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    connector: &str,
    identifier: Option<&str>,
    mut found: Vec<Arc<CallContext>>,
) -> Result<Arc<CallContext>, Fault> {
    match (found.len(), found.pop()) {
        (1, Some(context)) => Ok(context),
        (0, _) | (_, None) => Err(why_none(host, caller, request, connector, identifier).await?),
        (_, Some(last)) => {
            found.push(last);
            let named: Vec<String> = found
                .iter()
                .take(MAX_NAMED)
                .map(|context| format!("{} on `{}`", context.account.id, context.connection.name))
                .collect();
            let detail = format!(
                "{} accounts fit ({}): choose one with `account`, or narrow with `connection`",
                found.len(),
                named.join(", ")
            );
            Err(Fault::new(Code::AmbiguousAccount, Culprit::Caller, detail))
        }
    }
}

/// No account fits: says whether it is the connection, or the account that is missing.
async fn why_none(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    connector: &str,
    identifier: Option<&str>,
) -> Result<Fault, Fault> {
    if let Some(name) = &request.connection {
        let connection = host.store.find_connection(&caller.project, name).await.map_err(faults::store)?;
        match connection {
            None => {
                let detail = format!("there is no connection `{}`", faults::quoted(name));
                return Ok(Fault::new(Code::NotFound, Culprit::Caller, detail));
            }
            Some(connection) if connection.connector != connector => {
                let detail = format!("connection `{name}` is of connector `{}`", connection.connector);
                return Ok(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
            }
            Some(_) => {}
        }
    }
    if let Some(account) = &request.account {
        let detail = format!("there is no account {account} that this call could use");
        return Ok(Fault::new(Code::NotFound, Culprit::Caller, detail));
    }
    let detail = format!(
        "`{}` has no account for connector `{connector}`: connect one with PUT \
         /v1/connections/{{connection}}/accounts/{{identifier}}",
        faults::quoted(identifier.unwrap_or_default())
    );
    Ok(Fault::new(Code::AccountNotConnected, Culprit::Caller, detail))
}
