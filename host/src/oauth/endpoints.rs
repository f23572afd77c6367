//! Where a pattern's token endpoint is, which fields go there, and which scopes are asked for.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::legs::own_consumer;
use crate::model::{
    AuthKind, AuthPattern, HostPattern, HostTemplate, Scope, SessionRequest, TextTemplate, UrlTemplate,
};

/// Hosts of the endpoints of a pattern, as templates over an account's public fields.
///
/// # Errors
/// With the reason, if a URL of the pattern is none.
pub(super) fn host_templates(kind: &AuthKind) -> Result<Vec<String>, String> {
    let mut hosts = urls(kind).into_iter().map(authority).collect::<Result<Vec<_>, _>>()?;
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

/// Hosts of the endpoints of a pattern, for one account.
///
/// # Errors
/// With the reason, naming the field that is missing or does not fit.
pub fn endpoint_hosts(kind: &AuthKind, fields: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    hosts(&host_templates(kind)?, fields)
}

/// Rendered templates of hosts.
///
/// # Errors
/// With the reason, naming the field that is missing or does not fit.
pub(super) fn hosts(templates: &[String], fields: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let render = |template: &String| {
        let template = HostTemplate::parse(template).map_err(|error| error.to_string())?;
        template.render(fields).map(|host| host.to_string()).map_err(|error| error.to_string())
    };
    templates.iter().map(render).collect()
}

/// Hosts as egress takes them.
pub(super) fn patterns(hosts: &[String]) -> Result<Vec<HostPattern>, String> {
    hosts.iter().map(|host| HostPattern::parse(host).map_err(|error| error.to_string())).collect()
}

/// A URL of a pattern, for one account.
pub(super) fn url(template: &str, fields: &BTreeMap<String, String>) -> Result<Url, String> {
    let template = UrlTemplate::parse(template).map_err(|error| error.to_string())?;
    template.render(fields).map_err(|error| error.to_string())
}

/// Hosts of the sealed fields of a new account that go to the token endpoint, and not where its calls go. A field that
/// goes to both may be sent to both.
///
/// # Errors
/// With the reason, naming the public field that is missing or does not fit.
pub fn field_hosts(
    pattern: &AuthPattern,
    hosts: &[String],
    fields: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let wanted = endpoint_fields(&pattern.kind);
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let endpoint = endpoint_hosts(&pattern.kind, fields)?;
    let along = |name: &str| {
        let place = format!("{{{{{name}}}}}");
        pattern.headers.iter().any(|header| header.value.contains(&place))
            || pattern.insertions.iter().any(|insertion| insertion.field == name)
    };
    let of = |name: &str| {
        let own = if along(name) { hosts } else { &[] };
        let all: BTreeSet<String> = own.iter().chain(&endpoint).cloned().collect();
        all.into_iter().collect()
    };
    let secret = pattern.fields.iter().filter(|field| field.secret && wanted.contains(&field.name));
    Ok(secret.map(|field| (field.name.clone(), of(&field.name))).collect())
}

/// Whether a field is sent to the pattern's token endpoint, or signs what is.
pub fn goes_to_endpoint(kind: &AuthKind, field: &str) -> bool {
    endpoint_fields(kind).contains(field) || is_consented(kind) && own_consumer(kind).contains(&field)
}

/// The scopes that an authorization asks for: those that the pattern requires, and the connection's (AK-401).
pub fn asked_scopes(kind: &AuthKind, connection: &[String]) -> Vec<String> {
    let of = |offered: &[Scope]| {
        let required = offered.iter().filter(|scope| scope.required);
        required.map(|scope| scope.name.clone()).collect()
    };
    let required: Vec<String> = match kind {
        AuthKind::OAuth2(pattern) => of(&pattern.scopes),
        AuthKind::ClientCredentials(pattern) => of(&pattern.scopes),
        AuthKind::JwtBearer(pattern) => pattern.scopes.clone(),
        _ => Vec::new(),
    };
    let mut asked: Vec<String> = Vec::new();
    for scope in required.into_iter().chain(connection.iter().cloned()) {
        if !asked.contains(&scope) {
            asked.push(scope);
        }
    }
    asked
}

/// Whether accounts of a pattern are asked for scopes.
pub fn asks_for_scopes(kind: &AuthKind) -> bool {
    matches!(kind, AuthKind::OAuth2(_) | AuthKind::ClientCredentials(_) | AuthKind::JwtBearer(_))
}

/// Whether accounts of a pattern come to be by their users' consent in a browser.
pub fn is_consented(kind: &AuthKind) -> bool {
    match kind {
        AuthKind::OAuth2(_) => true,
        AuthKind::OAuth1a(pattern) => pattern.request_url.is_some(),
        _ => false,
    }
}

/// The pattern's fields that are sent to its token endpoint.
fn endpoint_fields(kind: &AuthKind) -> BTreeSet<String> {
    match kind {
        AuthKind::ClientCredentials(pattern) => [pattern.client_id.clone(), pattern.client_secret.clone()].into(),
        AuthKind::JwtBearer(pattern) => pattern.assertion.names(),
        AuthKind::Session(pattern) => {
            let requests = [Some(&pattern.request), pattern.sign_out.as_ref()];
            requests.into_iter().flatten().flat_map(named).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The names in the templates of a declared request; those of one that is none were refused when it was installed.
fn named(request: &SessionRequest) -> Vec<String> {
    let texts = request.headers.iter().map(|(_, value)| value).chain([&request.body]);
    let templates = texts.filter_map(|text| TextTemplate::parse(text).ok());
    templates.flat_map(|template| template.names().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn urls(kind: &AuthKind) -> Vec<&str> {
    match kind {
        AuthKind::OAuth2(pattern) => {
            let others = [&pattern.refresh_url, &pattern.revoke_url];
            let others = others.into_iter().flatten().map(String::as_str);
            others.chain([pattern.token_url.as_str()]).collect()
        }
        AuthKind::ClientCredentials(pattern) => vec![&pattern.token_url],
        AuthKind::JwtBearer(pattern) => vec![&pattern.token_url],
        AuthKind::Session(pattern) => {
            let sign_out = pattern.sign_out.iter().map(|request| request.url.as_str());
            sign_out.chain([pattern.request.url.as_str()]).collect()
        }
        AuthKind::OAuth1a(pattern) => {
            [&pattern.request_url, &pattern.access_url].into_iter().flatten().map(String::as_str).collect()
        }
        _ => Vec::new(),
    }
}

/// The authority of a URL template, with the port that its scheme stands for where a host pattern means another.
fn authority(template: &str) -> Result<String, String> {
    UrlTemplate::parse(template).map_err(|error| error.to_string())?;
    let (scheme, rest) = template.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let named = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Ok(if scheme == "http" && !named { format!("{authority}:80") } else { authority.to_owned() })
}
