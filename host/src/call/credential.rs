//! What a call may send, where to, and with which credential: the grant, which stays outside of the guest.

use std::time::Duration;

use super::faults;
use super::resolve::Resolved;
use crate::accounts::rendered_base_url;
use crate::egress::{Grant, GrantState, IdempotencyKey, Injection, Username};
use crate::model::{AuthKind, Code, Culprit, ExecutionId, Fault, HostPattern, Secret};
use crate::oauth::{ACCESS_TOKEN, placed};
use crate::vault::{Binding, Vault};

/// Opens the account's credential for the hosts that it was sealed with, and for no others (lesson 5).
pub(super) fn grant(
    vault: &Vault,
    resolved: &Resolved,
    execution: &ExecutionId,
    timeout: Duration,
) -> Result<Grant, Fault> {
    let connector = &resolved.installed.connector;
    let account = &resolved.context.account;
    let base_url = rendered_base_url(connector, &resolved.context.connection, &account.fields).map_err(stale)?;
    let hosts = account
        .hosts
        .iter()
        .map(|host| HostPattern::parse(host).map_err(|error| stale(error.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Grant {
        account: Some(account.id.clone()),
        base_url,
        hosts,
        routes: resolved.tool().routes.clone(),
        injection: injection(vault, resolved)?,
        idempotency: connector
            .idempotency_header
            .clone()
            .map(|header| IdempotencyKey { header, prefix: execution.as_str().to_owned() }),
        timeout,
        state: GrantState::new(),
    })
}

/// The account's credential, and where it goes in a request.
pub(super) fn injection(vault: &Vault, resolved: &Resolved) -> Result<Injection, Fault> {
    let connection = &resolved.context.connection;
    let pattern =
        resolved.installed.connector.auth_pattern(&connection.auth_pattern).ok_or_else(|| {
            stale(format!("the connector no longer has the auth pattern `{}`", connection.auth_pattern))
        })?;
    let open = |field: &str| open(vault, resolved, field);
    Ok(match &pattern.kind {
        AuthKind::None => Injection::None,
        AuthKind::Bearer { field } => Injection::Bearer(open(field)?),
        AuthKind::ApiKey { field, placement, name, prefix } => {
            Injection::ApiKey { placement: *placement, name: name.clone(), prefix: prefix.clone(), key: open(field)? }
        }
        AuthKind::Basic { username, password, filler } => Injection::Basic {
            username: if pattern.field(username).is_some_and(|field| field.secret) {
                Username::Secret(open(username)?)
            } else {
                Username::Public(resolved.context.account.fields.get(username).cloned().unwrap_or_default())
            },
            password: match password {
                Some(field) => open(field)?,
                None => Secret::new(filler.clone()),
            },
        },
        AuthKind::OAuth2(pattern) => placed(&pattern.token, open(ACCESS_TOKEN)?),
        AuthKind::ClientCredentials(pattern) => placed(&pattern.token, open(ACCESS_TOKEN)?),
        AuthKind::Session(pattern) => placed(&pattern.token, open(ACCESS_TOKEN)?),
        kind => return Err(stale(format!("auth patterns of type `{}` are not executed here", kind.as_str()))),
    })
}

/// A field's value: opened if it was sealed, or the public one.
fn open(vault: &Vault, resolved: &Resolved, field: &str) -> Result<Secret, Fault> {
    let account = &resolved.context.account;
    if let Some(sealed) = resolved.context.sealed.get(field) {
        let hosts = account.hosts_of(field);
        let binding = Binding { project: &account.project, owner: account.id.as_str(), field, hosts };
        return vault.open(&binding, sealed).map_err(|error| faults::vault(&error));
    }
    // An optional field that was left empty is an empty value, as in a form.
    Ok(Secret::new(account.fields.get(field).cloned().unwrap_or_default()))
}

fn stale(reason: String) -> Fault {
    Fault::new(Code::AccountNotActive, Culprit::Caller, format!("{reason}: connect the account again"))
}
