//! What clients without a token are told: what the endpoint is, who gives tokens for it (RFC 9728), and how this host does
//! (RFC 8414).

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use url::Url;

use super::Endpoint;
use super::answer::Refusal;
use crate::call::Host;
use crate::identity;
use crate::issuer::{self, SCOPES};
use crate::model::{CallerScope, ProfileId, Role, Scopes};

/// Where the description of a resource is, before the resource's own path (RFC 9728 section 3.1).
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// What an endpoint is, at the path of its own; at the root what that of keys is.
pub(super) async fn resource(State(endpoint): State<Endpoint>, path: Option<Path<String>>) -> Response {
    let host = &endpoint.host;
    let own = || vec![host.identity.issuer().to_owned()];
    let resource = identity::mcp_resource(host.identity.issuer());
    if is_path_of(&resource, path.as_ref()) {
        let servers = Some(host.authorization_servers.clone()).filter(|named| !named.is_empty()).unwrap_or_else(own);
        return described(host, &resource, &servers);
    }
    // Tokens for a config are this host's alone: nobody else knows who its users are here.
    let id = path.as_ref().and_then(|Path(path)| path.rsplit('/').next()).unwrap_or_default();
    match config(host, id).await {
        Ok(Some(resource)) if is_path_of(&resource, path.as_ref()) => described(host, &resource, &own()),
        Ok(_) => StatusCode::NOT_FOUND.into_response(),
        Err(response) => response,
    }
}

fn described(host: &Host, resource: &str, servers: &[String]) -> Response {
    axum::Json(json!({
        "resource": resource,
        "authorization_servers": servers,
        "scopes_supported": SCOPES.map(CallerScope::as_str),
        "bearer_methods_supported": ["header"],
        "resource_name": host.connect.name,
    }))
    .into_response()
}

/// The URL of the config with this identifier, if there is one.
async fn config(host: &Host, id: &str) -> Result<Option<String>, Response> {
    let Some(id) = ProfileId::parse(id).filter(|parsed| parsed.as_str() == id) else { return Ok(None) };
    match host.store.mcp_config(&id).await {
        Ok(found) => Ok(found.map(|_| issuer::config_url(host, &id))),
        Err(error) => {
            tracing::error!(%error, "the database failed");
            Err(StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
    }
}

/// How this host gives tokens.
pub(super) async fn server(State(endpoint): State<Endpoint>, path: Option<Path<String>>) -> Response {
    let issuer = endpoint.host.identity.issuer();
    if !is_path_of(issuer, path.as_ref()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "jwks_uri": format!("{issuer}/keys"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": Scopes::of_role(Role::Admin).names(),
    });
    if endpoint.host.client_registration {
        document["registration_endpoint"] = format!("{issuer}/oauth/register").into();
    }
    axum::Json(document).into_response()
}

/// Refuses a request to the endpoint of keys; tells a client without a token of its own where it gets one.
pub(super) fn refused(host: &Host, refusal: Refusal, sent: bool) -> Response {
    challenged(&identity::mcp_resource(host.identity.issuer()), refusal, sent)
}

/// The same at the URL of a config; one that is not there is not found, whoever asks.
pub(super) async fn refused_at(host: &Host, id: &str, refusal: Refusal, sent: bool) -> Response {
    match config(host, id).await {
        Ok(Some(resource)) => challenged(&resource, refusal, sent),
        Ok(None) => super::answer::refusal(StatusCode::NOT_FOUND, "there is no such MCP endpoint").into_response(),
        Err(response) => response,
    }
}

fn challenged(resource: &str, refusal: Refusal, sent: bool) -> Response {
    let error = match (refusal.status(), refusal.lacks_scope()) {
        (StatusCode::UNAUTHORIZED, _) if sent => Some("invalid_token"),
        (StatusCode::UNAUTHORIZED, _) => None,
        (_, true) => Some("insufficient_scope"),
        (_, false) => return refusal.into_response(),
    };
    let mut challenge = "Bearer ".to_owned();
    if let Some(error) = error {
        challenge += &format!("error=\"{error}\", ");
    }
    let scopes = SCOPES.map(CallerScope::as_str).join(" ");
    challenge += &format!("resource_metadata=\"{}\", scope=\"{scopes}\"", place(resource));
    let mut response = refusal.into_response();
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Where an endpoint is described.
fn place(resource: &str) -> String {
    match Url::parse(resource) {
        Ok(url) => format!("{}{RESOURCE}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => format!("{resource}{RESOURCE}"),
    }
}

/// Whether what follows the well-known part is the path of this URL, or nothing.
fn is_path_of(url: &str, path: Option<&Path<String>>) -> bool {
    let Some(Path(path)) = path else { return true };
    Url::parse(url).is_ok_and(|url| url.path().trim_matches('/') == path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_before_the_path() {
        for (issuer, expected) in [
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource/mcp"),
            ("https://a.example:8443/tools", "https://a.example:8443/.well-known/oauth-protected-resource/tools/mcp"),
        ] {
            assert_eq!(place(&identity::mcp_resource(issuer)), expected);
        }
    }

    #[test]
    fn no_other_path_is_described() {
        let is = |url: &str, path: &str| is_path_of(url, Some(&Path(path.to_owned())));
        assert!(is_path_of("https://a.example/mcp", None) && is("https://a.example/mcp", "mcp"));
        assert!(is("https://a.example/tools/mcp", "tools/mcp"));
        for path in ["", "mcp/", "mcp/gpm_x", "tools", "tools/mcp", "MCP", "../mcp"] {
            assert!(!is("https://a.example/mcp", path), "{path}");
        }
    }
}
