//! What a call may send, where to, and with which credential: the grant, which stays outside of the guest.

mod fields;
mod signed;

use std::time::Duration;

use super::Host;
use super::resolve::Resolved;
use crate::accounts::base_url_text;
use crate::egress::{Grant, GrantState, IdempotencyKey, Injection, Text};
use crate::model::{
    AuthKind, AuthPattern, BodyInsertion, Caller, Code, Culprit, ExecutionId, Fault, HeaderTemplate, Secret,
    TextTemplate, TokenPlacement,
};
use crate::oauth::{ACCESS_TOKEN, placed};
use fields::{Fields, stale};

/// Opens the account's credential for the hosts that it was sealed with, and for no others (lesson 5).
pub(super) fn grant(
    host: &Host,
    resolved: &Resolved,
    caller: &Caller,
    (execution, timeout): (&ExecutionId, Duration),
) -> Result<Grant, Fault> {
    let connector = &resolved.installed.connector;
    let account = &resolved.context.account;
    let base_url = base_url_text(connector, &resolved.context.connection);
    let base_url = host.parsed.url(base_url).and_then(|template| template.render(&account.fields));
    let base_url = base_url.map_err(|error| stale(error.to_string()))?;
    let hosts = resolved.secrets.hosts(&account.hosts);
    let hosts = hosts
        .iter()
        .map(|text| host.parsed.host(text).map_err(|error| stale(error.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Grant {
        account: Some(account.id.clone()),
        base_url,
        hosts,
        routes: resolved.tool().routes.clone(),
        injection: injection(host, resolved, Some(caller))?,
        idempotency: connector
            .idempotency_header
            .clone()
            .map(|header| IdempotencyKey { header, prefix: execution.as_str().to_owned() }),
        timeout,
        state: GrantState::new(),
    })
}

/// The account's credential, and where it goes in a request; without a token that its caller would have to bring, which
/// is not kept anywhere.
pub(super) fn known(host: &Host, resolved: &Resolved) -> Result<Injection, Fault> {
    injection(host, resolved, None)
}

fn injection(host: &Host, resolved: &Resolved, caller: Option<&Caller>) -> Result<Injection, Fault> {
    let pattern = pattern_of(resolved)?;
    let fields = Fields { host, resolved, pattern };
    let main = match &pattern.kind {
        AuthKind::CallerToken { token } => {
            caller.map_or(Ok(Injection::None), |caller| brought(&fields, token, caller))?
        }
        _ => main(&fields)?,
    };
    if pattern.headers.is_empty() && pattern.insertions.is_empty() {
        return Ok(main);
    }
    // What signs comes last: it signs what the others put there.
    let mut all = Vec::with_capacity(pattern.insertions.len() + pattern.headers.len() + 1);
    for insertion in &pattern.insertions {
        all.push(inserted(&fields, insertion)?);
    }
    for header in &pattern.headers {
        all.push(header_of(&fields, header)?);
    }
    all.push(main);
    Ok(Injection::All(all))
}

fn pattern_of(resolved: &Resolved) -> Result<&AuthPattern, Fault> {
    let name = &resolved.context.connection.auth_pattern;
    let found = resolved.installed.connector.auth_pattern(name);
    found.ok_or_else(|| stale(format!("the connector no longer has the auth pattern `{name}`")))
}

fn main(fields: &Fields<'_>) -> Result<Injection, Fault> {
    let pattern = fields.pattern;
    let token = |at: &TokenPlacement| Ok::<_, Fault>(placed(at, fields.open(ACCESS_TOKEN)?));
    Ok(match &pattern.kind {
        // A caller's token is not one of the account's fields.
        AuthKind::None | AuthKind::StaticHeaders | AuthKind::CallerToken { .. } => Injection::None,
        AuthKind::Bearer { field } => Injection::Bearer(fields.open(field)?),
        AuthKind::ApiKey { field, placement, name, prefix } => Injection::ApiKey {
            placement: *placement,
            name: name.clone(),
            prefix: prefix.clone(),
            key: fields.open(field)?,
        },
        AuthKind::Basic { username, password, filler } => Injection::Basic {
            username: declared(fields, pattern, username)?,
            password: match password {
                Some(field) => fields.open(field)?,
                None => Secret::new(filler.clone()),
            },
        },
        AuthKind::OAuth2(grant) => token(&grant.token)?,
        AuthKind::ClientCredentials(grant) => token(&grant.token)?,
        AuthKind::JwtBearer(grant) => token(&grant.token)?,
        AuthKind::Session(session) => token(&session.token)?,
        AuthKind::OAuth1a(oauth) => signed::oauth1a(fields, oauth)?,
        AuthKind::SignedJwt(jwt) => signed::jwt(fields, jwt)?,
        AuthKind::AwsSigV4(aws) => signed::aws(fields, aws)?,
        AuthKind::Hmac(hmac) => signed::hmac(fields, hmac)?,
    })
}

/// A name, or a key in its place: as the pattern declares it.
fn declared(fields: &Fields<'_>, pattern: &AuthPattern, name: &str) -> Result<Text, Fault> {
    let secret = pattern.field(name).is_some_and(|field| field.secret);
    Ok(if secret { Text::Secret(fields.open(name)?) } else { Text::Public(fields.public(name)) })
}

fn header_of(fields: &Fields<'_>, header: &HeaderTemplate) -> Result<Injection, Fault> {
    let value = TextTemplate::parse(&header.value).map_err(|error| stale(error.to_string()))?;
    let values = fields.values(value.names())?;
    Ok(Injection::Header { name: header.name.clone(), value, values })
}

fn inserted(fields: &Fields<'_>, insertion: &BodyInsertion) -> Result<Injection, Fault> {
    let BodyInsertion { content_type, marker, field } = insertion.clone();
    Ok(Injection::Insertion { content_type, marker, value: fields.text(&field)? })
}

/// The token that the caller came with (SI-11).
fn brought(fields: &Fields<'_>, placed: &TokenPlacement, caller: &Caller) -> Result<Injection, Fault> {
    if let Some(token) = caller.token.clone() {
        return Ok(Injection::CallerToken { placed: placed.clone(), token });
    }
    let detail = format!(
        "connection `{}` sends on the token that its caller comes with: call it with a signed token of a trusted \
         issuer. An API key is none, nor is a token of this host, and a call that waited has none any more",
        fields.resolved.context.connection.name
    );
    Err(Fault::new(Code::Forbidden, Culprit::Caller, detail))
}
