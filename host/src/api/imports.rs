//! Connectors that are made of documents: OpenAPI descriptions, and operations that somebody wrote down.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::auth_patterns::{self, AuthBody};
use super::extract::{Admin, Json, Path};
use super::upstream::ServerBody;
use super::{ApiState, Problem, shipped};
use crate::catalog::{self, Asked, Change, Declared, Difference, Document, Importing, OfferChange, Preview};
use crate::model::Tool;

/// What is to be imported.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportBody {
    /// OpenAPI 3.0 or 3.1, or `{"base_url", "auth", "operations": [{"name", "method", "path", "parameters"}]}`: a text in
    /// JSON or YAML, or an object.
    #[schema(value_type = Option<Value>)]
    document: Option<Box<RawValue>>,
    /// Where it is fetched, in place of the document itself: a public address.
    url: Option<String>,
    /// In place of a document: an MCP server. It is asked for its tools with `discover-tools`.
    mcp: Option<ServerBody>,
    /// Name of a service in `GET /v1/catalog`, in place of a document.
    catalog: Option<String>,
    /// `base_url`, `server_variables`, `include` and `exclude` (`tags`, `paths`, `methods`, `operations`), `headers`,
    /// `deferred`, `requires_approval`, and `operations`: for an operation id or a `METHOD /path` what is said of it (`name`,
    /// `title`, `description`, `effect`, `deferred`, `requires_approval`, `skip`).
    #[schema(value_type = Option<Object>)]
    options: Option<Map<String, Value>>,
    /// Only says what would become of it.
    #[serde(default)]
    dry_run: bool,
}

/// What is to be shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ParseBody {
    /// As for an import.
    #[schema(value_type = Option<Value>)]
    document: Option<Box<RawValue>>,
    /// As for an import.
    url: Option<String>,
    /// As for an import.
    catalog: Option<String>,
    /// As for an import.
    #[schema(value_type = Option<Object>)]
    options: Option<Map<String, Value>>,
    /// The connector's name, with which those of its tools begin; if absent that of the service, or `api`.
    name: Option<String>,
}

/// What a document becomes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ParsedBody {
    name: String,
    version: String,
    title: String,
    description: String,
    base_url: String,
    hosts: Vec<String>,
    auth: Vec<AuthBody>,
    tools: Vec<OperationBody>,
    /// Operations that are no tools.
    skipped: Vec<SkippedBody>,
    /// How many operations the options leave out.
    filtered: u32,
    /// What was bent, so that the document could be used.
    warnings: Vec<String>,
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportedBody {
    #[serde(flatten)]
    parsed: ParsedBody,
    /// Whether there was no connector of this name before.
    created: bool,
    /// Whether nothing was stored.
    dry_run: bool,
    difference: DifferenceBody,
    /// What an MCP server changed, and nobody has accepted yet: the tools are as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    held: Option<HeldBody>,
}

/// What waits to be accepted.
#[derive(Debug, Serialize, ToSchema)]
struct HeldBody {
    /// What `accept-tools` takes.
    digest: String,
    /// What would be different.
    difference: DifferenceBody,
}

/// An operation and its tool.
#[derive(Debug, Serialize, ToSchema)]
struct OperationBody {
    /// What the document calls it: method and path, or the name that it was declared with.
    operation: String,
    name: String,
    title: String,
    /// `read`, `write` or `destroy`.
    effect: &'static str,
    /// Scopes that the account must have.
    scopes: Vec<String>,
    tags: Vec<String>,
    deferred: bool,
    /// Whether a person has to approve each call.
    requires_approval: bool,
}

/// An operation that is no tool.
#[derive(Debug, Serialize, ToSchema)]
struct SkippedBody {
    operation: String,
    reason: String,
}

/// What is different from the import before.
#[derive(Debug, Serialize, ToSchema)]
struct DifferenceBody {
    /// Whether a call that was right before may be refused now.
    breaking: bool,
    added: Vec<NamedBody>,
    /// These are no tools any more; `GET /v1/connectors/{name}` goes on naming them.
    removed: Vec<NamedBody>,
    changed: Vec<ChangedBody>,
    /// What is different about prompts and resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    offers: Vec<OfferChangeBody>,
}

/// A prompt, a resource or a template of resources that is not what it was.
#[derive(Debug, Serialize, ToSchema)]
struct OfferChangeBody {
    /// `prompt`, `resource` or `template`.
    kind: &'static str,
    /// The prompt's name, or the URI as the connector has it.
    name: String,
    /// One sentence, with the words that users and models would read.
    what: String,
}

/// An operation, by both of its names.
#[derive(Debug, Serialize, ToSchema)]
struct NamedBody {
    operation: String,
    tool: String,
}

/// An operation that is not what it was.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedBody {
    operation: String,
    tool: String,
    /// One sentence for each thing.
    what: Vec<String>,
    /// Whether a call that was right before may be refused now.
    breaking: bool,
}

/// Shows what would become of a document. Nothing is stored.
#[utoipa::path(post, path = "/v1/connectors/parse-openapi", tag = "connectors", request_body = ParseBody,
    responses((status = 200, body = ParsedBody), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn parse(
    State(state): State<ApiState>,
    Admin(_caller): Admin,
    Json(body): Json<ParseBody>,
) -> Result<axum::Json<ParsedBody>, Problem> {
    let ParseBody { document, url, catalog, options, name } = body;
    let name = name.or_else(|| catalog.clone());
    let document = document_of(document, url, catalog)?;
    let asked = Asked { document, options: options.unwrap_or_default(), dry_run: true };
    let preview = catalog::preview(importing(&state), name.as_deref(), asked).await?;
    Ok(axum::Json(parsed(preview)))
}

/// Makes a connector of a document, or puts it in the place of the one of this name; its tools are live when this answers.
#[utoipa::path(put, path = "/v1/connectors/{name}", tag = "connectors", params(("name" = String, Path)),
    request_body = ImportBody,
    responses((status = 200, body = ImportedBody), (status = 201, body = ImportedBody), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(body): Json<ImportBody>,
) -> Result<Response, Problem> {
    let by = caller.by(state.host.clock.now());
    let asked = asked_for(body)?;
    let dry_run = asked.dry_run;
    let declared = catalog::declare(importing(&state), &by, &caller.project, &name, asked).await?;
    let status = if declared.created && !dry_run { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(imported(declared, dry_run))).into_response())
}

/// Imports such a connector again, and tells what is different. What the body does not say stays as it was: the document
/// is fetched again where it came from, options stay, and null takes one back.
#[utoipa::path(post, path = "/v1/connectors/{name}/import-openapi", tag = "connectors",
    params(("name" = String, Path)), request_body = ImportBody,
    responses((status = 200, body = ImportedBody), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn import_again(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(body): Json<ImportBody>,
) -> Result<axum::Json<ImportedBody>, Problem> {
    let by = caller.by(state.host.clock.now());
    let asked = asked_for(body)?;
    let dry_run = asked.dry_run;
    let declared = catalog::import_again(importing(&state), &by, &caller.project, &name, asked).await?;
    Ok(axum::Json(imported(declared, dry_run)))
}

pub(super) fn importing(state: &ApiState) -> Importing<'_> {
    state.host.importing()
}

fn asked_for(body: ImportBody) -> Result<Asked, Problem> {
    let ImportBody { document, url, catalog, mcp, options, dry_run } = body;
    let document = match (document_of(document, url, catalog)?, mcp) {
        (Document::Same, Some(server)) => Document::Text(server.document()),
        (document, None) => document,
        (_, Some(_)) => return Err(Problem::bad_request("give one of `document`, `url`, `catalog` and `mcp`")),
    };
    Ok(Asked { document, options: options.unwrap_or_default(), dry_run })
}

fn document_of(
    document: Option<Box<RawValue>>,
    url: Option<String>,
    catalog: Option<String>,
) -> Result<Document, Problem> {
    match (document, url, catalog) {
        (Some(document), None, None) => Ok(Document::Text(text(&document))),
        (None, Some(url), None) => Ok(Document::Url(url)),
        (None, None, Some(name)) => Ok(Document::Text(shipped::document(&name)?)),
        (None, None, None) => Ok(Document::Same),
        _ => Err(Problem::bad_request("give one of `document`, `url` and `catalog`")),
    }
}

/// A text is a document in itself; anything else is one in JSON, as it was written.
pub(super) fn text(document: &RawValue) -> String {
    serde_json::from_str(document.get()).unwrap_or_else(|_| document.get().to_owned())
}

pub(super) fn imported(declared: Declared, dry_run: bool) -> ImportedBody {
    let Declared { preview, created, difference, held } = declared;
    let held = held.map(|held| HeldBody { digest: held.digest, difference: differs(held.difference) });
    ImportedBody { parsed: parsed(preview), created, dry_run, difference: differs(difference), held }
}

fn differs(difference: Difference) -> DifferenceBody {
    let breaking = difference.is_breaking();
    let Difference { added, removed, changed, offers } = difference;
    let named =
        |list: Vec<(String, String)>| list.into_iter().map(|(operation, tool)| NamedBody { operation, tool }).collect();
    let changed = changed.into_iter().map(|Change { operation, tool, what, breaking }| ChangedBody {
        operation,
        tool,
        what,
        breaking,
    });
    let offers = offers.into_iter().map(|OfferChange { kind, name, what }| OfferChangeBody { kind, name, what });
    let (changed, offers) = (changed.collect(), offers.collect());
    DifferenceBody { breaking, added: named(added), removed: named(removed), changed, offers }
}

fn parsed(preview: Preview) -> ParsedBody {
    let Preview { connector, tools, skipped, filtered, warnings } = preview;
    ParsedBody {
        auth: connector.auth.iter().map(auth_patterns::body).collect(),
        name: connector.name,
        version: connector.version,
        title: connector.title,
        description: connector.description,
        base_url: connector.base_url,
        hosts: connector.hosts,
        tools: tools.into_iter().map(operation).collect(),
        skipped: skipped.into_iter().map(|(operation, reason)| SkippedBody { operation, reason }).collect(),
        filtered,
        warnings,
    }
}

fn operation((operation, tool): (String, Tool)) -> OperationBody {
    OperationBody {
        operation,
        name: tool.name,
        title: tool.title,
        effect: tool.effect.as_str(),
        scopes: tool.scopes,
        tags: tool.tags,
        deferred: tool.deferred,
        requires_approval: tool.requires_approval,
    }
}
