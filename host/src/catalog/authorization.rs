//! Where the users of an MCP server sign in: found by what the server says, checked, and made an auth pattern like any other.
//!
//! The protocol's authorization, revision 2026-07-28: RFC 9728 for the server, RFC 8414 for who gives its tokens. Whoever
//! runs a server can say anything here; nothing is believed that does not name itself as what it was asked as.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::CatalogError;
use crate::egress::{Body, Egress, Grant, Request, Response, challenge_parameter};
use crate::model::Effect;

/// The type of the auth patterns that are found so.
pub(super) const KIND: &str = "mcp_oauth";

/// Time for one document: they are small, and an operator waits.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of one document: the longest known lists some thousand scopes in 100 KB.
const DOCUMENT_BYTES: usize = 256 * 1024;

/// Bytes of a URL in a document.
const URL_BYTES: usize = 2_048;

/// Scopes that are asked for at once: more are no list that a person could consent to.
const SCOPES: usize = 100;

const RESOURCE: &str = "oauth-protected-resource";
const SERVER: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

/// What a server answers to those who bring no token.
#[derive(Debug, Default)]
struct Challenge {
    metadata: Option<String>,
    scope: Option<String>,
}

/// The pattern of OAuth 2.0 that a declared one stands for.
///
/// # Errors
/// [`CatalogError::Document`] with what the server, or who gives its tokens, does not say as it should.
pub(super) async fn pattern(egress: &Egress, server: &str, declared: &Value) -> Result<Value, CatalogError> {
    let failed = |reason: String| CatalogError::Document(format!("where users of {server} sign in: {reason}"));
    let own = Url::parse(server).map_err(|_| failed("its address depends on the account".into()))?;
    let challenge = challenge(egress, &own).await.map_err(failed)?;
    let (resource, named) = resource(egress, &own, &challenge).await.map_err(failed)?;
    let wanted = declared["issuer"].as_str();
    let issuer = named.iter().find(|issuer| wanted.is_none_or(|wanted| wanted == *issuer));
    let issuer = issuer.ok_or_else(|| failed(format!("it does not name `{}`", wanted.unwrap_or("anybody"))))?;
    let metadata = of_issuer(egress, &own, issuer).await.map_err(failed)?;
    compiled(declared, &own, (&resource, &challenge), &metadata).map_err(failed)
}

/// Asks without a token, as nobody: who is to be asked for one is in the answer.
async fn challenge(egress: &Egress, server: &Url) -> Result<Challenge, String> {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {} });
    let headers = [("accept", "application/json, text/event-stream"), ("mcp-method", "server/discover")];
    let request = Request {
        method: "POST".into(),
        target: server.as_str().to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: Body::Json(message.to_string()),
        ..Request::default()
    };
    let answer = send(egress, server, request).await?;
    let headers = answer.headers.iter().filter(|(name, _)| answer.status == 401 && name == "www-authenticate");
    let of = |parameter: &str| {
        let mut found =
            headers.clone().filter_map(|(_, value)| challenge_parameter(value.split_once(' ')?.1, parameter));
        found.next().map(str::to_owned)
    };
    Ok(Challenge { metadata: of("resource_metadata"), scope: of("scope") })
}

/// The server's own metadata (RFC 9728), and who gives its tokens.
async fn resource(egress: &Egress, server: &Url, challenge: &Challenge) -> Result<(Value, Vec<String>), String> {
    for place in resource_places(server, challenge.metadata.as_deref())? {
        let Some(found) = document(egress, server, &place).await? else { continue };
        // What says that it is of another resource is of another resource (section 3.3).
        if !found["resource"].as_str().is_some_and(|resource| is_of(resource, server)) {
            return Err(format!("{place} is of another server: {}", found["resource"]));
        }
        let named = found["authorization_servers"].as_array().into_iter().flatten();
        let named: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
        if named.is_empty() {
            return Err(format!("{place} names no authorization server"));
        }
        return Ok((found, named));
    }
    Err("it has no metadata of a protected resource".into())
}

/// Where a server's metadata may be, in the order of the protocol.
fn resource_places(server: &Url, said: Option<&str>) -> Result<Vec<Url>, String> {
    if let Some(said) = said {
        return Ok(vec![secure(server, "resource_metadata", said)?]);
    }
    let mut places = vec![well_known(server, RESOURCE)];
    let root = origin(server);
    if server.path() != "/" {
        places.push(well_known(&root, RESOURCE));
    }
    Ok(places)
}

/// The metadata of who gives tokens (RFC 8414), which says that it is of this issuer, byte for byte.
async fn of_issuer(egress: &Egress, server: &Url, issuer: &str) -> Result<Value, String> {
    let url = secure(server, "authorization_servers", issuer)?;
    for place in issuer_places(&url) {
        let Some(found) = document(egress, server, &place).await? else { continue };
        if found["issuer"] != issuer {
            return Err(format!("{place} is of another issuer: {}", found["issuer"]));
        }
        return Ok(found);
    }
    Err(format!("`{issuer}` has no metadata of an authorization server"))
}

fn issuer_places(issuer: &Url) -> Vec<Url> {
    let mut places = vec![well_known(issuer, SERVER), well_known(issuer, OPENID)];
    if issuer.path() != "/" {
        let mut appended = issuer.clone();
        appended.set_path(&format!("{}/.well-known/{OPENID}", issuer.path().trim_end_matches('/')));
        places.push(appended);
    }
    places
}

/// The pattern, of what was found.
fn compiled(
    declared: &Value,
    server: &Url,
    (resource, challenge): (&Value, &Challenge),
    metadata: &Value,
) -> Result<Value, String> {
    let endpoint = |name: &str| match metadata[name].as_str() {
        Some(url) => secure(server, name, url).map(|url| Some(url.to_string())),
        None => Ok(None),
    };
    let needed = |name: &str| endpoint(name)?.ok_or_else(|| format!("its authorization server has no `{name}`"));
    if !has(&metadata["code_challenge_methods_supported"], "S256") {
        return Err("its authorization server does not say that it takes PKCE with S256: it is not used".into());
    }
    let methods = &metadata["token_endpoint_auth_methods_supported"];
    let client_auth = match methods {
        // RFC 8414 section 2: what is not said is this.
        Value::Null => "basic",
        methods if has(methods, "client_secret_basic") => "basic",
        methods if has(methods, "client_secret_post") => "post",
        methods if has(methods, "none") => "none",
        _ => return Err("its authorization server takes no client by secret, nor without one".into()),
    };
    let along = json!({ "resource": resource["resource"] });
    let mut pattern = json!({
        "name": declared["name"], "title": declared["title"], "type": "oauth2",
        "authorize_url": needed("authorization_endpoint")?, "token_url": needed("token_endpoint")?,
        "issuer": metadata["issuer"],
        "iss_required": metadata["authorization_response_iss_parameter_supported"] == true,
        "scopes": scopes(declared, resource, challenge, metadata), "client_auth": client_auth, "pkce": true,
        "authorize_parameters": along, "token_parameters": along, "refresh_parameters": along,
        "registration": {
            "endpoint": endpoint("registration_endpoint")?,
            "metadata_document": metadata["client_id_metadata_document_supported"] == true,
        },
    });
    if let Some(url) = endpoint("revocation_endpoint")? {
        pattern["revoke_url"] = url.into();
    }
    if declared["fields"].is_array() {
        pattern["fields"] = declared["fields"].clone();
    }
    Ok(pattern)
}

/// What is asked for: what the operator says, else what the server asked for, else what it has.
fn scopes(declared: &Value, resource: &Value, challenge: &Challenge, metadata: &Value) -> Value {
    if declared["scopes"].is_array() {
        return declared["scopes"].clone();
    }
    let listed = || resource["scopes_supported"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut scopes: Vec<&str> = match &challenge.scope {
        Some(scope) => scope.split_ascii_whitespace().collect(),
        None => listed().collect(),
    };
    if has(&metadata["scopes_supported"], "offline_access") && !scopes.contains(&"offline_access") {
        scopes.push("offline_access");
    }
    let is_scope = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    scopes.into_iter().filter(is_scope).take(SCOPES).map(|name| json!({ "name": name, "required": true })).collect()
}

/// A document in JSON; `None` where there is none.
async fn document(egress: &Egress, server: &Url, place: &Url) -> Result<Option<Value>, String> {
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "GET".into(), target: place.as_str().to_owned(), headers, ..Request::default() };
    let answer = send(egress, place, request).await.map_err(|reason| format!("{server} names {reason}"))?;
    if answer.status != 200 {
        return Ok(None);
    }
    if answer.truncated || answer.body.len() > DOCUMENT_BYTES {
        return Err(format!("{place} is longer than such a document is"));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(found @ Value::Object(_)) => Ok(Some(found)),
        _ => Err(format!("{place} is no JSON object")),
    }
}

/// Sends nothing of anybody's, by the one way out: it is what refuses addresses that are not public.
async fn send(egress: &Egress, url: &Url, request: Request) -> Result<Response, String> {
    let failed = |error: crate::egress::EgressError| format!("{url}, which cannot be asked: {error}");
    let grant = Grant::to(url.as_str(), &request.method, Effect::Read, TIMEOUT).map_err(failed)?;
    egress.send(&grant, request).await.map_err(failed)
}

/// A URL that somebody named: by TLS, but on the machine itself, where the server is there too.
fn secure(server: &Url, what: &str, text: &str) -> Result<Url, String> {
    let wrong = |reason: &str| format!("`{what}` {reason}");
    if text.len() > URL_BYTES || text.contains(['{', '}', '#', '@', '\\']) || text.chars().any(char::is_whitespace) {
        return Err(wrong("is no URL that can be used"));
    }
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    let local = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if local(&url) && local(server) => Ok(url),
        _ => Err(wrong("is not by https")),
    }
}

/// Whether a resource is a server, or all that is below a part of its path.
fn is_of(resource: &str, server: &Url) -> bool {
    let Ok(url) = Url::parse(resource) else { return false };
    let (own, its) = (server.path().trim_end_matches('/'), url.path().trim_end_matches('/'));
    let below = own.strip_prefix(its).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    url.origin() == server.origin() && below && url.fragment().is_none()
}

/// RFC 8615, with the path behind (RFC 8414 section 3.1, RFC 9728 section 3.1).
fn well_known(url: &Url, name: &str) -> Url {
    let mut place = origin(url);
    place.set_path(&format!("/.well-known/{name}{}", url.path().trim_end_matches('/')));
    place
}

fn origin(url: &Url) -> Url {
    let mut origin = url.clone();
    origin.set_path("/");
    origin.set_query(None);
    origin.set_fragment(None);
    origin
}

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// AK-809: the places of RFC 9728 and of RFC 8414, in the order of the protocol.
    #[test]
    fn metadata_is_where_the_standards_put_it() {
        let of = |server: &str, said: Option<&str>| -> Vec<String> {
            resource_places(&url(server), said).unwrap().into_iter().map(String::from).collect()
        };
        let known = "https://x.com/.well-known/oauth-protected-resource";
        assert_eq!(of("https://x.com/v1/mcp?a=1", None), [format!("{known}/v1/mcp"), known.to_owned()]);
        assert_eq!(of("https://x.com", None), [known]);
        assert_eq!(of("https://x.com/mcp", Some("https://y.com/m")), ["https://y.com/m"]);
        let of = |issuer: &str| -> Vec<String> { issuer_places(&url(issuer)).into_iter().map(String::from).collect() };
        let known = "https://x.com/.well-known";
        let (server, openid) = (format!("{known}/{SERVER}"), format!("{known}/{OPENID}"));
        assert_eq!(of("https://x.com"), [server.clone(), openid.clone()]);
        let appended = "https://x.com/t/.well-known/openid-configuration".to_owned();
        assert_eq!(of("https://x.com/t"), [format!("{server}/t"), format!("{openid}/t"), appended]);
    }

    #[test]
    fn what_is_named_is_by_tls() {
        let server = url("https://mcp.example.com/mcp");
        assert!(secure(&server, "x", "https://login.example.com/authorize").is_ok());
        for text in [
            "http://login.example.com",
            "http://127.0.0.1/x",
            "http://169.254.169.254/latest",
            "ftp://login.example.com",
            "https://user@login.example.com",
            "https://{{host}}/x",
            "https://x/#a",
            "https:/\\x",
            "login.example.com",
            "",
        ] {
            assert!(secure(&server, "x", text).is_err(), "{text}");
        }
        assert!(secure(&url("http://127.0.0.1:1/mcp"), "x", "http://127.0.0.1:2/y").is_ok());
    }

    #[test]
    fn metadata_is_of_the_server_that_was_asked() {
        let server = url("https://mcp.example.com/v1/mcp");
        for (resource, expected) in [
            ("https://mcp.example.com/v1/mcp", true),
            ("https://mcp.example.com/v1/mcp/", true),
            ("https://mcp.example.com", true),
            ("https://mcp.example.com/v1", true),
            ("https://mcp.example.com/v", false),
            ("https://mcp.example.com/v1/mcp/more", false),
            ("https://mcp.example.com:444/v1/mcp", false),
            ("http://mcp.example.com/v1/mcp", false),
            ("https://other.example.com/v1/mcp", false),
            ("", false),
        ] {
            assert_eq!(is_of(resource, &server), expected, "{resource}");
        }
    }

    fn metadata() -> Value {
        json!({ "issuer": "https://as.example.com", "authorization_endpoint": "https://as.example.com/authorize",
            "token_endpoint": "https://as.example.com/token", "code_challenge_methods_supported": ["plain", "S256"] })
    }

    fn made(declared: &Value, scope: Option<&str>, change: impl FnOnce(&mut Value)) -> Result<Value, String> {
        let resource = json!({ "resource": "https://mcp.example.com/mcp", "scopes_supported": ["a", "b"] });
        let mut metadata = metadata();
        change(&mut metadata);
        let challenge = Challenge { metadata: None, scope: scope.map(str::to_owned) };
        compiled(declared, &url("https://mcp.example.com/mcp"), (&resource, &challenge), &metadata)
    }

    #[test]
    fn what_was_found_is_a_pattern() {
        let declared = json!({ "name": "oauth", "title": "Sign in", "type": KIND });
        let pattern = made(&declared, Some("x y"), |metadata| {
            metadata["authorization_response_iss_parameter_supported"] = true.into();
            metadata["registration_endpoint"] = "https://as.example.com/register".into();
            metadata["scopes_supported"] = json!(["offline_access", "admin"]);
            metadata["revocation_endpoint"] = "https://as.example.com/revoke".into();
        });
        let pattern = pattern.unwrap();
        assert!(super::super::manifest::check_pattern(&pattern).is_ok(), "{pattern}");
        assert_eq!((&pattern["iss_required"], &pattern["client_auth"]), (&json!(true), &json!("basic")));
        for along in ["authorize_parameters", "token_parameters", "refresh_parameters"] {
            assert_eq!(pattern[along], json!({ "resource": "https://mcp.example.com/mcp" }));
        }
        let names = |pattern: &Value| -> Vec<Value> {
            pattern["scopes"].as_array().unwrap().iter().map(|scope| scope["name"].clone()).collect()
        };
        assert_eq!(names(&pattern), ["x", "y", "offline_access"]);
        assert_eq!(names(&made(&declared, None, |_| {}).unwrap()), ["a", "b"]);
        let declared = json!({ "name": "oauth", "title": "Sign in", "scopes": [{ "name": "z" }] });
        assert_eq!(names(&made(&declared, Some("x"), |_| {}).unwrap()), ["z"]);
    }

    #[test]
    fn what_is_not_safe_is_not_used() {
        let declared = json!({ "name": "oauth", "title": "Sign in" });
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 8] = [
            (|metadata| metadata["code_challenge_methods_supported"] = Value::Null, "S256"),
            (|metadata| metadata["code_challenge_methods_supported"] = json!(["plain"]), "S256"),
            (|metadata| metadata["token_endpoint"] = Value::Null, "token_endpoint"),
            (|metadata| metadata["token_endpoint"] = json!("http://as.example.com/token"), "https"),
            (|metadata| metadata["authorization_endpoint"] = json!("javascript:alert(1)"), "https"),
            (|metadata| metadata["registration_endpoint"] = json!("http://127.0.0.1/x"), "https"),
            (|metadata| metadata["revocation_endpoint"] = json!("https://{{a}}/x"), "revocation_endpoint"),
            (|metadata| metadata["token_endpoint_auth_methods_supported"] = json!(["tls_client_auth"]), "secret"),
        ];
        for (change, said) in changes {
            let reason = made(&declared, None, change).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }
}
