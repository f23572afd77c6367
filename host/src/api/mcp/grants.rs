//! What users let MCP clients do: the application says who they are, operators see it and end it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::extract::{Admin, Json, Path, Query};
use crate::api::keys::may_give;
use crate::api::page::{List, page};
use crate::api::{ApiState, Problem};
use crate::issuer::{self, Word};
use crate::model::{McpGrantId, McpRequestId, Role, Scopes};
use crate::store::{GrantRow, McpGrantFilter};

/// Who is signed in to your application, at a browser that an MCP client sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Vouching {
    /// What your `user_verify_url` got.
    auth_request_id: String,
    /// The user who is signed in to your application in that browser.
    identifier: String,
    /// The organization for which the user is signed in, if your users have several: only accounts of it are used.
    organization: Option<String>,
    /// Name of the MCP config that your application means. Of another one the answer is 403.
    config: String,
}

/// Where the user's browser is to be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct VouchedBody {
    /// The page on which the user says yes or no. It opens in the browser that was sent to you, for 15 minutes.
    redirect_url: String,
}

/// Says who the user is that an MCP client wants to call for: the user is asked then.
///
/// Take the user from your application's own session, never from the URL.
#[utoipa::path(post, path = "/v1/mcp/authorize/verify", operation_id = "verify_mcp_user", tag = "mcp",
    request_body = Vouching,
    responses((status = 200, body = VouchedBody), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn verify(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(body): Json<Vouching>,
) -> Result<axum::Json<VouchedBody>, Problem> {
    // Whoever speaks for any user could send a client of their own: it must not get what they do not have.
    may_give(&caller, Scopes::of_role(Role::Agent))?;
    let id = McpRequestId::parse(&body.auth_request_id);
    let id = id.ok_or_else(|| Problem::not_found("there is no such request of an MCP client"))?;
    let Vouching { identifier, organization, config, .. } = body;
    let url = issuer::vouch(&state.host, &caller, &id, &Word { identifier, organization, config }).await?;
    Ok(axum::Json(VouchedBody { redirect_url: url.into() }))
}

/// What a user lets an MCP client do.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GrantBody {
    id: String,
    /// The MCP config whose tools the client calls.
    config: String,
    /// The user's MCP instance: the client's calls are recorded as its.
    instance_id: String,
    identifier: String,
    organization: Option<String>,
    /// An identifier that this host gave, or the URL of the client's document.
    client_id: String,
    /// What the client calls itself.
    client_name: String,
    /// The caller that said who the user is: the grant ends with it.
    verified_by: String,
    created_at: String,
    /// When the client got the tokens that it has.
    refreshed_at: String,
    /// When it ends unless the client fetches new ones.
    expires_at: String,
}

/// Which grants.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct GrantQuery {
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those of the config of this name.
    config: Option<String>,
    /// Only those of this user.
    identifier: Option<String>,
    /// Only those of this client.
    client_id: Option<String>,
}

/// What users let MCP clients do.
#[utoipa::path(get, path = "/v1/mcp/grants", operation_id = "list_mcp_grants", tag = "mcp", params(GrantQuery),
    responses((status = 200, body = List<GrantBody>), (status = "default", body = Problem)))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<GrantQuery>,
) -> Result<axum::Json<List<GrantBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = McpGrantFilter { config: query.config, identifier: query.identifier, client: query.client_id };
    let found = state.host.store.list_mcp_grants(&caller.project, &filter, &page).await?;
    Ok(axum::Json(List::of(found, body)))
}

/// Ends what a user let an MCP client do: its tokens open nothing from then on.
#[utoipa::path(delete, path = "/v1/mcp/grants/{id}", operation_id = "end_mcp_grant", tag = "mcp",
    params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("there is no such grant of an MCP client");
    let id = McpGrantId::parse(&id).ok_or_else(missing)?;
    let store = &state.host.store;
    let row = store.mcp_grant(&caller.project, &id).await?.ok_or_else(missing)?;
    let by = caller.by(state.host.clock.now());
    let ended = store.end_mcp_grant(&by, &row.grant, "removed").await?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

fn body(row: GrantRow) -> GrantBody {
    let grant = row.grant;
    GrantBody {
        id: grant.id.to_string(),
        config: grant.config.name,
        instance_id: grant.instance.to_string(),
        identifier: grant.identifier,
        organization: grant.organization,
        client_id: grant.client,
        client_name: grant.client_name,
        verified_by: grant.vouched_by.to_string(),
        created_at: grant.created_at.to_rfc3339(),
        refreshed_at: grant.refreshed_at.to_rfc3339(),
        expires_at: grant.expires_at.to_rfc3339(),
    }
}
