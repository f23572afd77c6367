//! Connections: named configurations of connectors.

mod checks;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Admin, Json, Path, Query};
use super::oauth::{self, OAuthBody, OAuthText};
use super::page::{List, page};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::model::{By, Caller, Connection};
use crate::store::{ConnectionFilter, OAuthClient, StoreError};
pub(super) use checks::check_name;
use checks::{check_base_url, presets_text, settings_text};

mod filled;
mod row;
pub(super) mod trial;

use filled::Filled;
pub(super) use filled::FromSecret;
pub(super) use row::{insert, new_row};

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectionBody {
    id: String,
    name: String,
    connector: String,
    auth_pattern: String,
    base_url: Option<String>,
    #[schema(value_type = Object)]
    settings: Box<RawValue>,
    /// Name of a tool to its preset parameters.
    #[schema(value_type = Object)]
    presets: Box<RawValue>,
    /// Fields that accounts need not fill in, because named secrets do.
    credentials: Filled,
    /// What it is known as at the authorization server, and the scopes that its accounts are asked for.
    oauth: OAuthBody,
    /// Where the provider sends people back to after they consented.
    redirect_uri: String,
    /// `active` or `disabled`.
    status: &'static str,
    /// Whether nothing leaves for calls: each is answered with what could have been the answer.
    demo: bool,
    /// Whether callers may send requests of their own: `POST /v1/proxy`, and the tools `…_proxy_read`, `…_proxy_write` and
    /// `…_proxy_delete` of its connector.
    proxy_enabled: bool,
    /// Whether keys with the scope `accounts:tokens` may read the tokens of its accounts.
    reveals_tokens: bool,
    account_count: u64,
    created_at: String,
    updated_at: String,
}

/// A new connection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnection {
    /// Unique in the project: letters, digits, `-`, `_` and `.`, at most 64.
    pub(super) name: String,
    /// Name of an installed connector.
    connector: String,
    /// One of the connector's auth patterns; may be left out where there is only one.
    auth_pattern: Option<String>,
    /// Fields of the auth pattern that named secrets fill: field to `{"secret": NAME}`.
    #[serde(default)]
    credentials: Filled,
    /// Stands in for the connector's own.
    base_url: Option<String>,
    /// Readable by the connector.
    #[schema(value_type = Option<Object>)]
    settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// Name of a tool to parameters that are set for every call through this connection, as in profiles.
    #[schema(value_type = Option<Object>)]
    presets: Option<serde_json::Map<String, serde_json::Value>>,
    /// Nothing leaves for calls through it: each is answered with what could have been the answer, and marked
    /// `simulated`. Its accounts need no credential, and take none.
    #[serde(default)]
    demo: bool,
    /// Callers may send requests of their own through it, with the account's credential.
    #[serde(default)]
    proxy_enabled: bool,
    /// Lets keys with the scope `accounts:tokens`, which no role has, read the tokens of its accounts.
    #[serde(default)]
    reveals_tokens: bool,
    /// For auth patterns of OAuth.
    #[schema(value_type = Option<oauth::OAuthChange>)]
    oauth: Option<OAuthText>,
}

/// What may change of a connection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionChange {
    /// Stands in for the connector's own. Credentials that were connected before stay bound to the host they were
    /// connected for.
    base_url: Option<String>,
    /// Replaces all references to secrets.
    credentials: Option<Filled>,
    /// Replaces all settings.
    #[schema(value_type = Option<Object>)]
    settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// Replaces all presets.
    #[schema(value_type = Option<Object>)]
    presets: Option<serde_json::Map<String, serde_json::Value>>,
    /// Calls are refused while set.
    disabled: Option<bool>,
    /// Nothing leaves for calls while set.
    demo: Option<bool>,
    /// Callers may send requests of their own while set.
    proxy_enabled: Option<bool>,
    /// Keys with the scope `accounts:tokens` may read the tokens of its accounts while set.
    reveals_tokens: Option<bool>,
    /// What is in it replaces what is there: another client is for new authorizations, while accounts stay with theirs.
    #[schema(value_type = Option<oauth::OAuthChange>)]
    oauth: Option<OAuthText>,
}

/// Which connections.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConnectionQuery {
    /// Only those of this connector.
    connector: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Makes a connection.
#[utoipa::path(post, path = "/v1/connections", tag = "connections", request_body = NewConnection,
    responses((status = 201, body = ConnectionBody), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewConnection>,
) -> Result<Response, Problem> {
    let new = new_row(&state, &caller, new).await?;
    let connection = new.connection.clone();
    let client = if new.client.is_some() {
        let (within, joint) = state.joined().await?;
        insert(&within, &caller, &connection).await?;
        let client = new.set_client(&within, &caller).await?;
        joint.commit().await?;
        client
    } else {
        insert(&state, &caller, &connection).await?;
        None
    };
    Ok((StatusCode::CREATED, axum::Json(body(&state, &connection, client.as_ref(), 0)?)).into_response())
}

/// All connections.
#[utoipa::path(get, path = "/v1/connections", tag = "connections", params(ConnectionQuery),
    responses((status = 200, body = List<ConnectionBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ConnectionQuery>,
) -> Result<axum::Json<List<ConnectionBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = ConnectionFilter { connector: query.connector };
    let found = state.host.store.list_connections(&caller.project, &filter, &page).await?;
    let clients = state.host.store.oauth_clients(&caller.project).await?;
    let of = |connection: &Connection| clients.iter().find(|client| client.connection == connection.id);
    let items = found
        .items
        .iter()
        .map(|(connection, accounts)| body(&state, connection, of(connection), *accounts))
        .collect::<Result<_, _>>()?;
    let (next_cursor, prev_cursor) = (found.next_cursor, found.prev_cursor);
    Ok(axum::Json(List { items, next_cursor, prev_cursor, total_size: found.total_size }))
}

/// One connection.
#[utoipa::path(get, path = "/v1/connections/{name}", tag = "connections", params(("name" = String, Path)),
    responses((status = 200, body = ConnectionBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<axum::Json<ConnectionBody>, Problem> {
    let connection = find(&state, &caller, &name).await?;
    answer(&state, &connection).await
}

/// Changes a connection.
#[utoipa::path(patch, path = "/v1/connections/{name}", tag = "connections", params(("name" = String, Path)),
    request_body = ConnectionChange,
    responses((status = 200, body = ConnectionBody), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(change): Json<ConnectionChange>,
) -> Result<axum::Json<ConnectionBody>, Problem> {
    let host = &state.host;
    let before = find(&state, &caller, &name).await?;
    let mut connection = before.clone();
    if let Some(base_url) = change.base_url {
        connection.base_url = Some(check_base_url(base_url)?);
    }
    if let Some(settings) = change.settings {
        connection.settings = settings_text(settings)?;
    }
    if change.presets.is_some() || change.credentials.is_some() {
        let installed = host.catalog.find_connector(&host.store, &caller.project, &connection.connector).await?;
        let installed = installed.ok_or_else(|| Problem::conflict("its connector cannot be used: install it again"))?;
        if let Some(presets) = change.presets {
            connection.presets = presets_text(&installed, presets)?;
        }
        if let Some(credentials) = change.credentials {
            connection.credentials = filled::checked(&installed, &connection.auth_pattern, credentials)?;
        }
    }
    if let Some(disabled) = change.disabled {
        connection.disabled = disabled;
    }
    connection.demo = change.demo.unwrap_or(connection.demo);
    connection.proxy_enabled = change.proxy_enabled.unwrap_or(connection.proxy_enabled);
    connection.reveals_tokens = change.reveals_tokens.unwrap_or(connection.reveals_tokens);
    let installed = host.catalog.find_connector(&host.store, &caller.project, &connection.connector).await?;
    let client = match (change.oauth, &installed) {
        (None, _) => None,
        (Some(_), None) => return Err(Problem::conflict("its connector cannot be used: install it again")),
        (Some(oauth), Some(installed)) => {
            connection.scopes = oauth.scopes.clone().unwrap_or(connection.scopes);
            oauth::checked(host, installed, &connection, Some(oauth)).await?
        }
    };
    connection.updated_at = host.clock.now().max(before.updated_at.plus(std::time::Duration::from_millis(1)));
    let by = caller.by(host.clock.now());
    if let Some((pattern, change)) = client {
        let (within, joint) = state.joined().await?;
        update(&within, &by, &connection, &before).await?;
        within.host.oauth.set_client(&by, &connection, pattern, change).await.map_err(oauth::problem)?;
        joint.commit().await?;
    } else {
        update(&state, &by, &connection, &before).await?;
    }
    answer(&state, &connection).await
}

async fn update(state: &ApiState, by: &By, connection: &Connection, before: &Connection) -> Result<(), Problem> {
    if state.host.store.update_connection(by, connection, before.updated_at).await? {
        return Ok(());
    }
    Err(Problem::conflict("somebody else changed the connection at the same time: try again"))
}

/// Removes a connection that has no accounts.
#[utoipa::path(delete, path = "/v1/connections/{name}", tag = "connections", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_connection(&by, &caller.project, &name).await.map_err(|error| {
        if matches!(error, StoreError::Conflict(_)) {
            Problem::conflict("accounts are connected through it: delete them first")
        } else {
            error.into()
        }
    })?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("there is no such connection")) }
}

/// The connection of this name, or 404.
pub(super) async fn find(state: &ApiState, caller: &Caller, name: &str) -> Result<Connection, Problem> {
    let found = state.host.store.find_connection(&caller.project, name).await?;
    found.ok_or_else(|| Problem::not_found("there is no such connection"))
}

async fn answer(state: &ApiState, connection: &Connection) -> Result<axum::Json<ConnectionBody>, Problem> {
    let accounts = state.host.store.count_accounts(&connection.project, &connection.id).await?;
    let client = state.host.store.newest_oauth_client(&connection.project, &connection.id).await?;
    Ok(axum::Json(body(state, connection, client.as_ref(), accounts)?))
}

fn body(
    state: &ApiState,
    connection: &Connection,
    client: Option<&OAuthClient>,
    account_count: u64,
) -> Result<ConnectionBody, Problem> {
    let settings = RawValue::from_string(connection.settings.clone())
        .map_err(|_| Problem::conflict("the stored settings cannot be read: set them again"))?;
    Ok(ConnectionBody {
        id: connection.id.to_string(),
        name: connection.name.clone(),
        connector: connection.connector.clone(),
        auth_pattern: connection.auth_pattern.clone(),
        base_url: connection.base_url.clone(),
        settings,
        presets: raw(connection.presets.clone()),
        credentials: filled::body(connection),
        oauth: OAuthBody::of(connection, client),
        redirect_uri: oauth::redirect_uri(state, &connection.connector),
        status: if connection.disabled { "disabled" } else { "active" },
        demo: connection.demo,
        proxy_enabled: connection.proxy_enabled,
        reveals_tokens: connection.reveals_tokens,
        account_count,
        created_at: connection.created_at.to_rfc3339(),
        updated_at: connection.updated_at.to_rfc3339(),
    })
}
