//! How things are now, in the form in which files hold them.

use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::resources::Key;
use crate::api::{ApiState, Problem};
use crate::call::check_fallback;
use crate::model::{ClientSecretFrom, Connection, NamedSecret, ProjectId, SecretSource, Webhook};
use crate::store::{
    ConnectionFilter, MAX_LIMIT, McpConfigFilter, McpConfigRow, ModifierRow, OAuthClient, PageRequest, PolicyRow,
    ProfileRow, SecretFilter,
};

/// All items of a list that comes in pages.
macro_rules! pages {
    (|$page:ident| $read:expr) => {{
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let $page = PageRequest { limit: MAX_LIMIT, cursor };
            let found = $read.await?;
            items.extend(found.items);
            cursor = found.next_cursor;
            if cursor.is_none() {
                break items;
            }
        }
    }};
}

/// A thing as it is now.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::api) struct Current {
    /// In the form in which files hold it.
    pub(in crate::api) value: Value,
    /// Its identifier; empty for connectors and for what there is one of.
    pub(super) id: String,
    /// Changes with what is not shown.
    pub(super) hidden: String,
    /// What files cannot hold of it.
    pub(in crate::api) lost: Option<&'static str>,
}

impl Current {
    fn of(value: Value, id: &str) -> Self {
        Self { value, id: id.to_owned(), hidden: String::new(), lost: None }
    }
}

/// A thing as it is now, if it is there.
pub(super) async fn find(state: &ApiState, project: &ProjectId, key: &Key) -> Result<Option<Current>, Problem> {
    let (store, name) = (&state.host.store, key.name.as_str());
    Ok(match key.kind {
        Kind::Secret => match &key.owner {
            Some(owner) => store.secret_of(project, name, owner).await?.map(|row| secret(&row.secret)),
            None => None,
        },
        Kind::Connector => connector(state, project, name).await?,
        Kind::Connection => match store.find_connection(project, name).await? {
            Some(found) => {
                let client = store.newest_oauth_client(project, &found.id).await?;
                Some(connection(&found, client.as_ref()))
            }
            None => None,
        },
        Kind::Profile => store.find_profile(project, name).await?.map(|row| profile(&row)),
        Kind::Policy => store.policies(project).await?.rules.iter().find(|rule| rule.name == name).map(policy),
        Kind::PolicyDefaults => defaults(state, project).await?,
        Kind::Modifier => store.find_modifier(project, name).await?.map(|row| modifier(&row)),
        Kind::McpConfig => store.find_mcp_config(project, name).await?.map(|row| mcp_config(&row)),
        Kind::Webhook => {
            webhooks(state, project).await?.into_iter().find(|one| one.url == name).map(|one| webhook(&one))
        }
    })
}

/// All things of a kind as they are now. A profile that is served is told with its MCP config.
pub(in crate::api) async fn all(state: &ApiState, project: &ProjectId, kind: Kind) -> Result<Vec<Current>, Problem> {
    let store = &state.host.store;
    Ok(match kind {
        Kind::Secret => {
            let filter = SecretFilter::default();
            let rows = pages!(|page| store.list_secrets(project, &filter, &page));
            rows.iter().map(|row| secret(&row.secret)).collect()
        }
        Kind::Connector => {
            let mut found = Vec::new();
            for installed in state.host.catalog.connectors(project) {
                found.extend(connector(state, project, &installed.connector.name).await?);
            }
            found
        }
        Kind::Connection => {
            let filter = ConnectionFilter::default();
            let rows = pages!(|page| store.list_connections(project, &filter, &page));
            let clients = store.oauth_clients(project).await?;
            let of = |one: &Connection| clients.iter().find(|client| client.connection == one.id);
            rows.iter().map(|(one, _)| connection(one, of(one))).collect()
        }
        Kind::Profile => {
            let mut found = Vec::new();
            for row in pages!(|page| store.list_profiles(project, &page)) {
                if store.config_shows(project, &row.id).await?.is_none() {
                    found.push(profile(&row));
                }
            }
            found
        }
        Kind::Policy => store.policies(project).await?.rules.iter().map(policy).collect(),
        Kind::PolicyDefaults => defaults(state, project).await?.into_iter().collect(),
        Kind::Modifier => store.modifiers(project).await?.modifiers.iter().map(modifier).collect(),
        Kind::McpConfig => {
            let filter = McpConfigFilter::default();
            let rows = pages!(|page| store.list_mcp_configs(project, &filter, &page));
            rows.iter().map(mcp_config).collect()
        }
        Kind::Webhook => webhooks(state, project).await?.iter().map(webhook).collect(),
    })
}

/// All webhooks of a project: there are a few.
pub(super) async fn webhooks(state: &ApiState, project: &ProjectId) -> Result<Vec<Webhook>, Problem> {
    let store = &state.host.store;
    let rows = pages!(|page| store.list_webhooks(project, &page));
    Ok(rows.into_iter().map(|row| row.webhook).collect())
}

fn secret(secret: &NamedSecret) -> Current {
    let mut value = json!({ "name": secret.name, "hosts": secret.hosts });
    for (member, text) in [
        ("identifier", &secret.owner.identifier),
        ("organization", &secret.owner.organization),
        ("source", &secret.source.text()),
    ] {
        if !text.is_empty() {
            value[member] = text.as_str().into();
        }
    }
    let lost = (secret.source == SecretSource::Sealed).then_some("its value is sealed here");
    Current { lost, ..Current::of(value, secret.id.as_str()) }
}

async fn connector(state: &ApiState, project: &ProjectId, name: &str) -> Result<Option<Current>, Problem> {
    let host = &state.host;
    let Some(installed) = host.catalog.find_connector(&host.store, project, name).await? else { return Ok(None) };
    let Some(declaration) = host.store.find_declaration(project, name).await? else {
        let imports: Vec<&str> = installed.granted.iter().map(|import| import.as_str()).collect();
        let value = json!({ "name": name, "digest": installed.digest, "imports": imports });
        return Ok(Some(Current { hidden: installed.connector.version.clone(), ..Current::of(value, "") }));
    };
    let mut value = json!({ "name": name });
    let document = host.store.declared_document(project, name).await?.unwrap_or_default();
    match declaration.url {
        Some(url) => value["url"] = url.into(),
        None => match server(&document) {
            Some(server) => value["mcp"] = server,
            None => value["document"] = document.as_str().into(),
        },
    }
    let options: Value = serde_json::from_str(&declaration.options).unwrap_or_default();
    if options.as_object().is_some_and(|options| !options.is_empty()) {
        value["options"] = options;
    }
    let hidden = format!("{} {}", installed.connector.version, hex::encode(digest(&document)));
    Ok(Some(Current { hidden, ..Current::of(value, "") }))
}

/// What a document says of an MCP server, if it is the declaration of one.
fn server(document: &str) -> Option<Value> {
    let Value::Object(mut members) = serde_json::from_str(document).ok()? else { return None };
    members.remove("mcp").filter(|server| members.is_empty() && server.is_object())
}

fn digest(text: &str) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(text).into()
}

fn connection(connection: &Connection, client: Option<&OAuthClient>) -> Current {
    let mut value = json!({
        "name": connection.name, "connector": connection.connector, "auth_pattern": connection.auth_pattern,
    });
    if let Some(base_url) = &connection.base_url {
        value["base_url"] = base_url.as_str().into();
    }
    for (member, text) in [("settings", &connection.settings), ("presets", &connection.presets)] {
        let object: Value = serde_json::from_str(text).unwrap_or_default();
        if object.as_object().is_some_and(|object| !object.is_empty()) {
            value[member] = object;
        }
    }
    if !connection.credentials.is_empty() {
        let named = |(field, secret): (&String, &String)| (field.clone(), json!({ "secret": secret }));
        value["credentials"] = Value::Object(connection.credentials.iter().map(named).collect());
    }
    for (member, on) in [
        ("demo", connection.demo),
        ("proxy_enabled", connection.proxy_enabled),
        ("reveals_tokens", connection.reveals_tokens),
    ] {
        if on {
            value[member] = true.into();
        }
    }
    let mut oauth = Map::new();
    if let Some(client) = client {
        match &client.secret_from {
            Some(ClientSecretFrom::Credential(name)) => {
                oauth.insert("credential".into(), name.as_str().into());
            }
            Some(ClientSecretFrom::Secret(name)) => {
                oauth.insert("client_id".into(), client.client_id.as_str().into());
                oauth.insert("client_secret".into(), json!({ "secret": name }));
            }
            None => {
                oauth.insert("client_id".into(), client.client_id.as_str().into());
            }
        }
    }
    if !connection.scopes.is_empty() {
        oauth.insert("scopes".into(), json!(connection.scopes));
    }
    if !oauth.is_empty() {
        value["oauth"] = Value::Object(oauth);
    }
    let secret = client.is_some_and(|client| client.secret.is_some());
    Current {
        hidden: client.map(|client| client.id.to_string()).unwrap_or_default(),
        lost: secret.then_some("the secret of its OAuth client is sealed here"),
        ..Current::of(value, connection.id.as_str())
    }
}

fn profile(row: &ProfileRow) -> Current {
    Current::of(profile_value(row), row.id.as_str())
}

fn profile_value(row: &ProfileRow) -> Value {
    let connections: Value = serde_json::from_str(&row.connections).unwrap_or_default();
    let mut value = json!({ "name": row.name, "connections": connections });
    if !row.description.is_empty() {
        value["description"] = row.description.as_str().into();
    }
    value
}

fn policy(row: &PolicyRow) -> Current {
    let outcome: Value = serde_json::from_str(&row.outcome).unwrap_or_default();
    let value = json!({
        "name": row.name, "position": row.position, "condition": row.condition, "outcome": outcome,
    });
    Current::of(value, row.id.as_str())
}

async fn defaults(state: &ApiState, project: &ProjectId) -> Result<Option<Current>, Problem> {
    let Some(fallback) = state.host.store.policies(project).await?.fallback else { return Ok(None) };
    let value = serde_json::from_str(&check_fallback(Some(&fallback))?).unwrap_or_default();
    Ok(Some(Current::of(value, "")))
}

fn modifier(row: &ModifierRow) -> Current {
    let mut value = json!({
        "name": row.name, "tools": row.tools, "when": row.when.as_str(), "position": row.position,
    });
    if let Some(connections) = &row.connections {
        value["connections"] = json!(connections);
    }
    if let Some(steps) = &row.steps {
        value["steps"] = serde_json::from_str(steps).unwrap_or_default();
    }
    if let Some(digest) = &row.component {
        value["digest"] = digest.as_str().into();
    }
    Current::of(value, row.id.as_str())
}

fn mcp_config(row: &McpConfigRow) -> Current {
    let mut value = profile_value(&row.profile);
    value["tools"] = row.shows.tools.as_str().into();
    let offers = [("prompts", row.shows.prompts), ("resources", row.shows.resources)];
    offers.into_iter().filter(|(_, offered)| *offered).for_each(|(member, _)| value[member] = true.into());
    if let Some(url) = &row.verify_url {
        value["user_verify_url"] = url.as_str().into();
    }
    Current::of(value, row.profile.id.as_str())
}

fn webhook(webhook: &Webhook) -> Current {
    let mut value = json!({ "url": webhook.url });
    if !webhook.events.is_empty() {
        value["events"] = webhook.events.iter().map(|event| event.as_str()).collect();
    }
    Current::of(value, webhook.id.as_str())
}
