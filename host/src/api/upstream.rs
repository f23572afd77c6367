//! Connectors that are made of MCP servers: asking one for its tools, and accepting what it changed.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::extract::{Admin, Json, Path};
use super::imports::{ImportedBody, imported, importing};
use super::{ApiState, Problem};
use crate::call::{self, CallRequest, Reply};
use crate::catalog::{self, DISCOVERY, News};
use crate::model::{AccountId, Surface};

/// An MCP server of which a connector is made.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ServerBody {
    /// Its address: that of Streamable HTTP. `{{field}}` in its host stands for a public field of the account.
    url: String,
    /// Auth patterns, as a manifest has them; no account if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    auth: Option<Vec<Value>>,
    /// For people; what the server calls itself if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// What a catalogue files it under.
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<String>>,
    /// What becomes of tools that the server adds or changes: `hold`, until somebody accepts them, or `take`. `hold` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<String>,
    /// Whose the list of tools is: `connector` if the server has the same for everybody, `account` if it shows each account
    /// its own; then the connector has what any of them has, and each account calls what it was shown. `connector` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<String>,
    /// Where the server does not say how long its list of tools stays: after how many seconds the host asks again, by itself
    /// and with the account that an operator asked with. 60 to 86400, 300 if absent; 0 for never, whatever the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_seconds: Option<u64>,
}

impl ServerBody {
    /// As it is kept.
    pub(in crate::api) fn document(&self) -> String {
        json!({ "mcp": self }).to_string()
    }
}

/// Whose account a server is asked with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscoverBody {
    /// The user whose account is used.
    identifier: Option<String>,
    /// The user's organization.
    organization: Option<String>,
    /// The account, in place of a user.
    account: Option<String>,
    /// Name of the connection to go through.
    connection: Option<String>,
    /// Only says what would become of it.
    #[serde(default)]
    dry_run: bool,
}

/// What is accepted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptBody {
    /// `held.digest` of the answer that told of it: nothing is accepted that nobody has seen.
    digest: String,
}

/// Asks the MCP server of a connector for its tools, with one account, and takes them over. What it changed of tools that
/// are there, and tools that are new, waits until it is accepted, but the first time. From then on the host asks by itself,
/// with the same account.
#[utoipa::path(post, path = "/v1/connectors/{name}/discover-tools", tag = "connectors",
    params(("name" = String, Path)), request_body = DiscoverBody,
    responses((status = 200, body = ImportedBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn discover(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(body): Json<DiscoverBody>,
) -> Result<axum::Json<ImportedBody>, Problem> {
    let DiscoverBody { identifier, organization, account, connection, dry_run } = body;
    let account = account.map(|text| AccountId::parse(&text).ok_or_else(|| Problem::bad_request("`account` is no id")));
    let tool = format!("{name}{DISCOVERY}");
    if state.host.store.find_declaration(&caller.project, &name).await?.is_none() {
        return Err(Problem::not_found("there is no connector of this name that is made of an MCP server"));
    }
    let request = CallRequest {
        identifier,
        organization,
        account: account.transpose()?,
        connection,
        ..CallRequest::new(Surface::ToolTest, tool, "{}")
    };
    let answer = match call::call(&state.host, &caller, request.clone()).await? {
        Reply::Done(answer) => answer,
        Reply::Waiting(_) | Reply::Started(_) => {
            return Err(Problem::conflict("a policy lets this call wait: the server was not asked"));
        }
    };
    let by = caller.by(state.host.clock.now());
    if !dry_run {
        call::note_shown(&state.host, &caller.project, &answer).await?;
    }
    let news = News::Found(answer.data.clone());
    let declared = catalog::take_over(importing(&state), &by, &caller.project, &name, news, dry_run).await?;
    if !dry_run {
        call::keep_fresh(&state.host, &caller, &request, (&name, &answer)).await?;
    }
    Ok(axum::Json(imported(declared, dry_run)))
}

/// Accepts what an MCP server changed of its tools.
#[utoipa::path(post, path = "/v1/connectors/{name}/accept-tools", tag = "connectors",
    params(("name" = String, Path)), request_body = AcceptBody,
    responses((status = 200, body = ImportedBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn accept(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(body): Json<AcceptBody>,
) -> Result<axum::Json<ImportedBody>, Problem> {
    let by = caller.by(state.host.clock.now());
    let news = News::Accepted(body.digest);
    let declared = catalog::take_over(importing(&state), &by, &caller.project, &name, news, false).await?;
    Ok(axum::Json(imported(declared, false)))
}
