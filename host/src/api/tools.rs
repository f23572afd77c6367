//! Tools: what a caller may call.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Authenticated, Path, Query};
use super::page::{List, page};
use super::{ApiState, Problem};
use crate::call::{Visible, Wanted, visible_tools};
use crate::catalog::{InstalledTool, Words};
use crate::formats::{self, Format, Source, Warning};
use crate::model::{Caller, Connector};

/// A tool.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToolBody {
    name: String,
    title: String,
    description: String,
    connector: String,
    connector_title: String,
    categories: Vec<String>,
    /// `read`, `write` or `destroy`.
    effect: &'static str,
    /// Scopes that the account must have.
    scopes: Vec<String>,
    /// The only requests that it can send.
    routes: Vec<String>,
    tags: Vec<String>,
    deferred: bool,
    /// Other names for it.
    aliases: Vec<String>,
    /// JSON Schema 2020-12 of what a caller gives: what is preset is not in it.
    #[schema(value_type = Object)]
    input_schema: Box<RawValue>,
    /// JSON Schema 2020-12.
    #[schema(value_type = Option<Object>)]
    output_schema: Option<Box<RawValue>>,
    /// The connections that it can be called through for the given user.
    connections: Vec<String>,
}

/// Which tools.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolQuery {
    /// Only those that can be called for this user.
    identifier: Option<String>,
    /// Only those that can be called for this user as one of this organization.
    organization: Option<String>,
    /// Only those that can be called through this connection. Needs `identifier`, unless the key is bound to one.
    connection: Option<String>,
    /// Only those of this connector.
    connector: Option<String>,
    /// Only those of this profile, on its terms. For administrators; other keys see their own profile's in any case.
    profile: Option<String>,
    /// Words that the name, title, description or tags, or the connector's title, must contain.
    query: Option<String>,
    /// `deferred` includes deferred tools.
    include: Option<String>,
    /// The form to list them in: `native` (if absent), or that of a model API: `openai`, `openai-responses`, `anthropic`,
    /// `gemini` or `mcp`.
    format: Option<String>,
    /// Whether to hold the model to the schema where the API can and the tool allows it.
    strict: Option<bool>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Tools: in this host's own form, or in that of a model API.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ToolList {
    /// In its own form.
    Native(List<ToolBody>),
    /// In that of a model API.
    Formatted(FormattedTools),
}

/// Tools in the form of a model API. Their names are what `POST /v1/tools/{name}/execute` takes, and it takes the model's
/// calls as they are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FormattedTools {
    /// What the API takes as `tools`.
    #[schema(value_type = Vec<Object>)]
    tools: Vec<serde_json::Value>,
    /// What the API cannot express of them. This host checks it in any case.
    warnings: Vec<WarningBody>,
    /// Give this as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
    /// How many there are in all.
    total_size: u64,
}

/// Something that a model API cannot express.
#[derive(Debug, Serialize, ToSchema)]
struct WarningBody {
    tool: String,
    /// A JSON Pointer into its input schema; empty for the whole.
    path: String,
    /// What got lost, and what became of it.
    message: String,
}

/// The tools that this caller may call.
#[utoipa::path(get, path = "/v1/tools", tag = "tools", params(ToolQuery),
    responses((status = 200, body = ToolList), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ToolQuery>,
) -> Result<axum::Json<ToolList>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let format = match query.format.as_deref() {
        None | Some("native") => None,
        Some(name) => Some(Format::parse(name).ok_or_else(|| unknown_format(name))?),
    };
    let deferred = match query.include.as_deref() {
        None => false,
        Some("deferred") => true,
        Some(_) => return Err(Problem::bad_request("`include` takes `deferred`")),
    };
    let wanted = Wanted {
        identifier: query.identifier.as_deref(),
        organization: query.organization.as_deref(),
        profile: query.profile.as_deref(),
    };
    let visible = visible_tools(&state.host, &caller, &wanted).await?;
    let words = Words::of(query.query.as_deref().unwrap_or_default());
    let mut fitting: Vec<&Visible> = visible
        .iter()
        .filter(|visible| deferred || !visible.deferred)
        .filter(|visible| query.connector.as_ref().is_none_or(|name| *name == visible.installed.connector.name))
        .filter(|visible| query.connection.as_ref().is_none_or(|name| visible.connections.contains(name)))
        .filter(|visible| words.all(words.fit(&visible.installed, visible.tool())))
        .collect();
    fitting.sort_by(|a, b| a.tool().tool.name.cmp(&b.tool().tool.name));
    let cut = List::cut(fitting, page.limit, page.cursor.as_deref(), |visible| &visible.tool().tool.name);
    let List { items, next_cursor, prev_cursor, total_size } = cut;
    Ok(axum::Json(match format {
        None => {
            let items = items.into_iter().map(visible_body).collect();
            ToolList::Native(List { items, next_cursor, prev_cursor, total_size })
        }
        Some(format) => {
            let sources: Vec<Source<'_>> = items.into_iter().map(source).collect();
            let offered = formats::offer(format, query.strict.unwrap_or(false), &sources);
            let warning = |Warning { tool, path, message }| WarningBody { tool, path, message };
            let warnings = offered.warnings.into_iter().map(warning).collect();
            ToolList::Formatted(FormattedTools { tools: offered.tools, warnings, next_cursor, total_size })
        }
    }))
}

/// One tool, by name or alias.
#[utoipa::path(get, path = "/v1/tools/{name}", tag = "tools", params(("name" = String, Path)),
    responses((status = 200, body = ToolBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Result<axum::Json<ToolBody>, Problem> {
    let found = seen(&state, &caller, &name).await?;
    found.map(|visible| axum::Json(visible_body(&visible))).ok_or_else(|| Problem::not_found("there is no such tool"))
}

/// A tool's wire form.
pub(super) fn body(connector: &Connector, tool: &InstalledTool, connections: &[String]) -> ToolBody {
    let tool = &tool.tool;
    let routes = tool.routes.iter().map(|route| match &route.host {
        Some(host) => format!("{} {host}{}", route.method, route.path),
        None => format!("{} {}", route.method, route.path),
    });
    ToolBody {
        name: tool.name.clone(),
        title: tool.title.clone(),
        description: tool.description.clone(),
        connector: connector.name.clone(),
        connector_title: connector.title.clone(),
        categories: connector.categories.clone(),
        effect: tool.effect.as_str(),
        scopes: tool.scopes.clone(),
        routes: routes.collect(),
        tags: tool.tags.clone(),
        deferred: tool.deferred,
        aliases: tool.aliases.clone(),
        input_schema: raw(tool.input_schema.clone()),
        output_schema: tool.output_schema.clone().map(raw),
        connections: connections.to_vec(),
    }
}

/// The tool of this name as the caller sees it: for a key that is bound to a user, only if that user may call it.
async fn seen(state: &ApiState, caller: &Caller, name: &str) -> Result<Option<Visible>, Problem> {
    let host = &state.host;
    let found = host.catalog.find_tool(&host.store, &caller.project, name).await?;
    let Some((installed, tool)) = found else { return Ok(None) };
    let visible = visible_tools(&state.host, caller, &Wanted::default()).await?;
    Ok(visible
        .into_iter()
        .find(|visible| visible.installed.connector.name == installed.connector.name && visible.tool == tool))
}

/// A tool as formats write it.
fn source(visible: &Visible) -> Source<'_> {
    let tool = &visible.tool().tool;
    Source {
        name: &tool.name,
        title: &tool.title,
        description: &tool.description,
        input_schema: visible.input_schema(),
        output_schema: tool.output_schema.as_deref(),
        effect: tool.effect,
    }
}

fn unknown_format(name: &str) -> Problem {
    let known: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    Problem::bad_request(format!("there is no format `{}`: native, {}", name.escape_debug(), known.join(", ")))
}

fn visible_body(visible: &Visible) -> ToolBody {
    let body = body(&visible.installed.connector, visible.tool(), &visible.connections);
    ToolBody { deferred: visible.deferred, input_schema: raw(visible.input_schema().to_owned()), ..body }
}

/// JSON text that was checked when it came in; null where it was not JSON after all.
pub(super) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
