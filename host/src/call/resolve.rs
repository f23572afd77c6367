//! Which tool, through which connection, as whom: the one answer that listing and calling share (lesson 14).

use std::sync::Arc;

use super::limits::{MAX_INPUT, MAX_NAMED};
use super::presets::{self, PresetFacts, ToolPresets};
use super::profiles::{self, Offer, Profile};
use super::secrets::{self, Filled};
use super::timeline::Modified;
use super::{CallRequest, Host, faults, nearest};
use crate::catalog::{Installed, InstalledTool};
use crate::model::{Account, AccountState, Caller, Code, Connection, Culprit, ExecutionId, Fault, PolicyId, ProjectId};
use crate::store::{CallContext, ConnectionFilter, ContextQuery, MAX_CANDIDATES, PageRequest};

/// All that a call needs to run, checked.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// The connector.
    pub(super) installed: Arc<Installed>,
    /// Position of the tool in it.
    pub(super) tool: usize,
    /// Connection, account and sealed credential.
    pub(super) context: Arc<CallContext>,
    /// Whether the account is stored, and not only tried: one that is not gets no other token.
    pub(super) stored: bool,
    /// Fields of the credential that named secrets fill.
    pub(super) secrets: Filled,
    /// The identifier that its record gets if it is a new call.
    pub(super) execution: ExecutionId,
    /// The profile that wants a person to look at each call of this tool.
    pub(super) asking_profile: Option<String>,
    /// What was put into the input of a new call, and stays as it is.
    pub(super) presets: Vec<Arc<ToolPresets>>,
    /// The modifiers that changed the input of a new call.
    pub(super) modified: Vec<Modified>,
    /// The rule that decided on a new call.
    pub(super) rule: Option<PolicyId>,
}

impl Resolved {
    /// A call that no profile has a part in.
    pub(super) fn plain(host: &Host, installed: Arc<Installed>, tool: usize, context: Arc<CallContext>) -> Self {
        let execution = ExecutionId::new(&host.clock, &host.random);
        let (secrets, presets, modified) = (Filled::default(), Vec::new(), Vec::new());
        let (asking_profile, rule, stored) = (None, None, true);
        Self { installed, tool, context, stored, secrets, execution, asking_profile, presets, modified, rule }
    }

    pub(super) fn tool(&self) -> &InstalledTool {
        &self.installed.tools[self.tool]
    }
}

/// A tool that a call names, and the profile that it is called under.
struct Found {
    installed: Arc<Installed>,
    tool: usize,
    profile: Option<Arc<Profile>>,
}

impl Found {
    fn tool(&self) -> &InstalledTool {
        &self.installed.tools[self.tool]
    }
}

/// Finds and checks everything that a new call needs, and puts presets into its input. Cheap checks come before the
/// database.
pub(super) async fn resolve(host: &Host, caller: &Caller, request: &mut CallRequest) -> Result<Resolved, Fault> {
    let found = find(host, caller, request).await?;
    let checked = found.tool().check_input(&request.input);
    let (context, offer) = match (reach(host, caller, request, &found).await, &checked) {
        (Ok(reached), _) => reached,
        // Who wrote something wrong hears of that first, unless it is a preset that is missing in it.
        (Err(fault), Err(errors)) => {
            let unclear = has_presets(host, caller, &found).await?;
            return Err(if unclear { fault } else { faults::invalid_input(errors.clone()) });
        }
        (Err(fault), Ok(())) => return Err(fault),
    };
    let Found { installed, tool, .. } = found;
    let Offer { presets, asking_profile, .. } = offer;
    let secrets = secrets::filled(host, &context).await?;
    let resolved = Resolved { secrets, asking_profile, presets, ..Resolved::plain(host, installed, tool, context) };
    if resolved.presets.is_empty() {
        checked.map_err(faults::invalid_input)?;
        return Ok(resolved);
    }
    let facts = PresetFacts {
        account: &resolved.context.account,
        connection: &resolved.context.connection.name,
        tool: &resolved.tool().tool.name,
        execution: &resolved.execution,
        request,
    };
    let merged = presets::merge(&request.input, &resolved.presets, &facts)?;
    let tool = resolved.tool();
    tool.check_input(&merged).map_err(|errors| presets::invalid(errors, &tool.tool.input_schema, &resolved.presets))?;
    request.given_input = Some(std::mem::replace(&mut request.input, merged));
    Ok(resolved)
}

/// Finds and checks everything anew for a call that waited. Its input has the presets that were approved with it.
pub(super) async fn resolve_again(host: &Host, caller: &Caller, request: &CallRequest) -> Result<Resolved, Fault> {
    let found = find(host, caller, request).await?;
    found.tool().check_input(&request.input).map_err(faults::invalid_input)?;
    let (context, offer) = reach(host, caller, request, &found).await?;
    let Found { installed, tool, .. } = found;
    let (secrets, asking_profile) = (secrets::filled(host, &context).await?, offer.asking_profile);
    Ok(Resolved { secrets, asking_profile, ..Resolved::plain(host, installed, tool, context) })
}

/// Whether a tool may be called through a connection (as an account, if one is known), and on which terms: the function
/// that lists and calls share.
pub(super) fn admits(
    host: &Host,
    profile: Option<&Profile>,
    tool: &InstalledTool,
    connection: &Connection,
    account: Option<&Account>,
) -> Result<Offer, Fault> {
    let offer = host.profiles.offer(profile, connection, tool)?;
    if let (Some(name), Some(shown)) = (&tool.tool.shown_as, account.and_then(|account| account.shown.as_ref()))
        && !shown.has(name)
    {
        return Err(no_such_tool(&tool.tool.name));
    }
    if tool.is_proxy && !connection.proxy_enabled {
        let detail = format!(
            "proxy not enabled for provider: connection `{}` has no `proxy_enabled`, which an administrator can set",
            connection.name
        );
        return Err(Fault::new(Code::ProxyDisabled, Culprit::Policy, detail));
    }
    usable(connection, account)?;
    if let Some(account) = account {
        missing_scopes(tool, account)?;
    }
    Ok(offer)
}

/// Whether calls may go through this connection, and as this account, now.
pub(super) fn usable(connection: &Connection, account: Option<&Account>) -> Result<(), Fault> {
    if connection.disabled {
        let detail = format!("connection `{}` is disabled", connection.name);
        return Err(Fault::new(Code::AccountDisabled, Culprit::Policy, detail));
    }
    let Some(account) = account else { return Ok(()) };
    if account.disabled {
        let detail = format!("the account of `{}` on `{}` is disabled", account.identifier, connection.name);
        return Err(Fault::new(Code::AccountDisabled, Culprit::Policy, detail));
    }
    // Where nothing leaves, an account that waits for its credential lacks nothing.
    let enough = account.state == AccountState::Active || connection.demo && account.state == AccountState::Pending;
    if !enough {
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
    let detail = format!("the account lacks {}: its user consents by a link that asks for them", missing.join(", "));
    Err(Fault { missing_scopes: missing, ..Fault::new(Code::MissingScopes, Culprit::Caller, detail) })
}

/// The tool that a call names, within the caller's profile, and an input that is not too large for it.
async fn find(host: &Host, caller: &Caller, request: &CallRequest) -> Result<Found, Fault> {
    let (installed, tool) = find_tool(host, &caller.project, &request.tool).await?;
    let profile = profiles::bound(host, caller).await?;
    let found = Found { installed, tool, profile };
    if let Some(profile) = &found.profile
        && !profile.connections().any(|connection| profile.names(connection, &found.tool().tool.name))
    {
        return Err(not_in(profile, &request.tool));
    }
    if request.input.len() > MAX_INPUT {
        let detail = format!("the input has {} bytes; at most {MAX_INPUT} are accepted", request.input.len());
        return Err(Fault::new(Code::PayloadTooLarge, Culprit::Caller, detail));
    }
    Ok(found)
}

fn not_in(profile: &Profile, tool: &str) -> Fault {
    let detail = format!(
        "there is no tool `{}` in profile `{}`: GET /v1/tools lists them",
        faults::quoted(tool),
        profile.name()
    );
    Fault::new(Code::NotFound, Culprit::Caller, detail)
}

/// The one account that a call goes through, and on which terms.
async fn reach(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    found: &Found,
) -> Result<(Arc<CallContext>, Offer), Fault> {
    let identifier = identifier_for(caller, request.identifier.as_deref())?;
    if identifier.is_none() && request.account.is_none() {
        let detail = "say for whom the tool is called: give `identifier` or `account`";
        return Err(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
    }
    let candidates = candidates(host, caller, request, found, identifier).await?;
    if candidates.is_empty()
        && let Some(profile) = &found.profile
    {
        within(host, caller, request, found, profile).await?;
    }
    let connector = &found.installed.connector.name;
    let context = one_of(host, caller, request, connector, identifier, nearest::among(candidates)).await?;
    let context = nearest::acting(context, identifier, request.organization.as_deref());
    let offer = admits(host, found.profile.as_deref(), found.tool(), &context.connection, Some(&context.account))?;
    Ok((context, offer))
}

/// The accounts that fit, within the caller's profile.
async fn candidates(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    found: &Found,
    identifier: Option<&str>,
) -> Result<Vec<Arc<CallContext>>, Fault> {
    let through = async |connection: Option<&str>| {
        let connector = &found.installed.connector.name;
        let (organization, account) = (request.organization.as_deref(), request.account.as_ref());
        let wanted = ContextQuery { connector, connection, identifier, organization, account };
        host.store.call_contexts(&caller.project, &wanted).await.map_err(faults::store)
    };
    let mut all = through(request.connection.as_deref()).await?;
    let Some(profile) = &found.profile else { return Ok(all) };
    let tool = &found.tool().tool.name;
    if all.len() >= MAX_CANDIDATES && request.connection.is_none() {
        // What fits may be beyond those that were read: each connection is asked for by its name.
        all.clear();
        for connection in profile.connections().filter(|connection| profile.names(connection, tool)) {
            all.extend(through(Some(connection)).await?);
        }
    }
    all.retain(|context| profile.names(&context.connection.name, tool));
    Ok(all)
}

/// Whether it is the profile that leaves a call without an account.
async fn within(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    found: &Found,
    profile: &Profile,
) -> Result<(), Fault> {
    let tool = &found.tool().tool.name;
    if let Some(name) = request.connection.as_deref().filter(|name| !profile.names(name, tool)) {
        let detail =
            format!("profile `{}` does not have `{tool}` on a connection `{}`", profile.name(), faults::quoted(name));
        return Err(Fault::new(Code::NotFound, Culprit::Caller, detail));
    }
    for name in profile.connections().filter(|name| profile.names(name, tool)) {
        let connection = host.store.find_connection(&caller.project, name).await.map_err(faults::store)?;
        if connection.is_some_and(|connection| connection.connector == found.installed.connector.name) {
            return Ok(());
        }
    }
    Err(not_in(profile, &request.tool))
}

/// Whether presets may be what an input lacks. Asked only of calls that fail.
async fn has_presets(host: &Host, caller: &Caller, found: &Found) -> Result<bool, Fault> {
    if found.profile.is_some() {
        return Ok(true);
    }
    let filter = ConnectionFilter { connector: Some(found.installed.connector.name.clone()) };
    let all = host.store.list_connections(&caller.project, &filter, &PageRequest::first()).await;
    let all = all.map_err(faults::store)?.items;
    Ok(all.iter().any(|(connection, _)| profiles::has_presets(connection)))
}

pub(super) async fn find_tool(host: &Host, project: &ProjectId, name: &str) -> Result<(Arc<Installed>, usize), Fault> {
    let found = host.catalog.find_tool(&host.store, project, name).await.map_err(faults::catalog)?;
    if let Some(found) = found {
        return Ok(found);
    }
    let connector = name.split('_').next().unwrap_or(name);
    if let Some(reason) = host.catalog.broken(project, connector) {
        let detail = format!("connector `{connector}` is installed but cannot be used: {reason}");
        return Err(Fault::new(Code::GuestError, Culprit::Guest, detail));
    }
    Err(no_such_tool(name))
}

fn no_such_tool(name: &str) -> Fault {
    let detail = format!("there is no tool `{}`: GET /v1/tools lists them", faults::quoted(name));
    Fault::new(Code::NotFound, Culprit::Caller, detail)
}

/// The user that the caller acts for: a bound key acts for its own user only (lesson 6).
///
/// # Errors
/// [`Code::Forbidden`] where it asks for another.
pub fn identifier_for<'a>(caller: &'a Caller, asked: Option<&'a str>) -> Result<Option<&'a str>, Fault> {
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
    Ok(nearest::none_for(identifier.unwrap_or_default(), connector))
}
