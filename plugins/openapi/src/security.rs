//! From security schemes to auth patterns, and from requirements to scopes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::document::{Document, list, object, text};
use crate::limits::{LABEL_BYTES, LABELS};
use gloveport_importer::{line, snake};

/// What a document says about authorization.
pub(crate) struct Security {
    /// Auth patterns, as the manifest has them.
    pub(crate) patterns: Vec<Value>,
    /// Headers and query parameters, in lower case, that carry a credential: no input fills them.
    pub(crate) carriers: BTreeSet<String>,
    /// What cannot be used, and why.
    pub(crate) warnings: Vec<String>,
}

/// Reads the security schemes. `public` names fields of the account that the base URL takes.
pub(crate) fn read(document: &Document, public: &[String]) -> Security {
    let mut security = Security { patterns: Vec::new(), carriers: BTreeSet::new(), warnings: Vec::new() };
    let schemes = document.get("components").and_then(|components| object(components, "securitySchemes"));
    for (name, scheme) in schemes.into_iter().flatten() {
        match document.resolve(scheme).and_then(|scheme| pattern(name, scheme, &mut security)) {
            Ok(patterns) => security.patterns.extend(patterns),
            Err(reason) => security.warnings.push(format!("security scheme `{}`: {reason}", line(name, 60))),
        }
    }
    if security.patterns.is_empty() {
        security.patterns.push(json!({ "name": "none", "title": "No account", "type": "none", "fields": [] }));
    }
    for pattern in &mut security.patterns {
        if let Some(Value::Array(fields)) = pattern.get_mut("fields") {
            let known: Vec<Value> = fields.iter().filter_map(|field| field.get("name").cloned()).collect();
            let new = public.iter().filter(|name| !known.contains(&json!(name)));
            fields.extend(
                new.map(|name| json!({ "name": name, "label": gloveport_importer::human(name), "type": "text" })),
            );
        }
    }
    security
}

/// Scopes that an account must have for an operation: those which every alternative with scopes asks for.
pub(crate) fn scopes(document: &Document, operation: &Value) -> Vec<String> {
    let own = operation.get("security").is_some();
    let alternatives = if own {
        list(operation, "security")
    } else {
        document.get("security").and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
    };
    let schemes = document.get("components").and_then(|components| object(components, "securitySchemes"));
    let has_scopes = |name: &str| {
        let scheme = schemes.and_then(|schemes| schemes.get(name)).and_then(|scheme| document.resolve(scheme).ok());
        scheme.and_then(|scheme| text(scheme, "type")).is_some_and(|kind| matches!(kind, "oauth2" | "openIdConnect"))
    };
    let mut common: Option<BTreeSet<String>> = None;
    for alternative in alternatives.iter().filter_map(Value::as_object) {
        let of = alternative.iter().filter(|(name, _)| has_scopes(name));
        let lists: Vec<&Value> = of.map(|(_, scopes)| scopes).collect();
        if lists.is_empty() {
            continue;
        }
        let texts = lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let scopes: BTreeSet<String> =
            texts.map(|scope| line(scope, LABEL_BYTES)).filter(|scope| !scope.is_empty()).collect();
        common = Some(match common {
            Some(common) => common.intersection(&scopes).cloned().collect(),
            None => scopes,
        });
    }
    common.unwrap_or_default().into_iter().take(LABELS).collect()
}

fn pattern(name: &str, scheme: &Value, security: &mut Security) -> Result<Vec<Value>, String> {
    let title = line(name, 80);
    let own = pattern_name(name);
    let hint = text(scheme, "description").map(|text| line(text, 200));
    let password = |field: &str, label: &str| {
        let mut field = json!({ "name": field, "label": label, "type": "password" });
        if let (Some(hint), Value::Object(members)) = (&hint, &mut field) {
            members.insert("hint".into(), json!(hint));
        }
        field
    };
    let bearer = || json!({ "name": own, "title": title, "type": "bearer", "field": "token", "fields": [password("token", "Access token")] });
    match text(scheme, "type").unwrap_or_default() {
        "apiKey" => {
            let parameter = text(scheme, "name").ok_or("it has no name")?;
            let place = text(scheme, "in")
                .filter(|place| matches!(*place, "header" | "query" | "cookie"))
                .ok_or("`in` is neither header, query nor cookie")?;
            security.carriers.insert(parameter.to_ascii_lowercase());
            Ok(vec![json!({ "name": own, "title": title, "type": "api_key", "field": "api_key", "in": place,
                "parameter": parameter, "fields": [password("api_key", "API key")] })])
        }
        "http" => match text(scheme, "scheme").unwrap_or_default().to_ascii_lowercase().as_str() {
            "basic" => Ok(vec![
                json!({ "name": own, "title": title, "type": "basic", "username": "username", "password": "password",
                "fields": [{ "name": "username", "label": "User name", "type": "text" }, password("password", "Password")] }),
            ]),
            "bearer" => Ok(vec![bearer()]),
            other => Err(format!("the HTTP scheme `{}` is not offered; basic and bearer are", line(other, 40))),
        },
        "oauth2" => Ok(oauth2(&own, &title, scheme, &bearer, &mut security.warnings)),
        "openIdConnect" => {
            security.warnings.push(format!(
                "security scheme `{title}`: OpenID Connect is offered as an access token that the user brings"
            ));
            Ok(vec![bearer()])
        }
        "mutualTLS" => Err("client certificates (mutual TLS) are not offered".into()),
        other => Err(format!("the type `{}` is not known", line(other, 40))),
    }
}

fn oauth2(
    own: &str,
    title: &str,
    scheme: &Value,
    bearer: &dyn Fn() -> Value,
    warnings: &mut Vec<String>,
) -> Vec<Value> {
    let mut patterns = Vec::new();
    let flows = scheme.get("flows").cloned().unwrap_or_default();
    let flow = |name: &str| flows.get(name).filter(|flow| is_https(flow, "tokenUrl"));
    if let Some(flow) = flow("authorizationCode").filter(|flow| is_https(flow, "authorizationUrl")) {
        patterns.push(json!({ "name": own, "title": title, "type": "oauth2", "fields": [],
            "authorize_url": flow["authorizationUrl"], "token_url": flow["tokenUrl"], "scopes": scope_list(flow) }));
    }
    if let Some(flow) = flow("clientCredentials") {
        let name = if patterns.is_empty() { own.to_owned() } else { format!("{own}_client") };
        patterns.push(json!({ "name": name, "title": format!("{title} (client credentials)"),
            "type": "oauth2_client_credentials", "fields": [
                { "name": "client_id", "label": "Client ID", "type": "text" },
                { "name": "client_secret", "label": "Client secret", "type": "password" }],
            "client_id": "client_id", "client_secret": "client_secret",
            "token_url": flow["tokenUrl"], "scopes": scope_list(flow) }));
    }
    if patterns.is_empty() {
        warnings.push(format!("security scheme `{title}`: none of its flows is offered (authorizationCode and clientCredentials with https endpoints are); users bring an access token"));
        patterns.push(bearer());
    }
    patterns
}

/// Whether an endpoint is one that the host takes: by TLS, or on the machine itself, for development.
fn is_https(flow: &Value, member: &str) -> bool {
    let secure = ["https://", "http://127.0.0.1:", "http://localhost:"];
    text(flow, member).is_some_and(|url| secure.iter().any(|start| url.starts_with(start)))
}

fn scope_list(flow: &Value) -> Vec<Value> {
    let scopes = object(flow, "scopes").cloned().unwrap_or_else(Map::new);
    let named = scopes.iter().filter(|(name, _)| !name.is_empty() && name.len() <= LABEL_BYTES);
    named.map(|(name, _)| json!(name)).collect()
}

fn pattern_name(name: &str) -> String {
    let name: String = snake(name).chars().take(40).collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_lowercase() => name,
        _ => format!("auth_{name}"),
    }
}
