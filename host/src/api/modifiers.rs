//! Modifiers: what changes inputs and outputs of tools, as steps or as a component.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::connections::check_name;
use super::extract::{Admin, Json, Path, Query};
use super::page::{List, PageQuery, page};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{self, CheckedModifier, NewWork, check_modifier};
use crate::model::{Caller, Code, Culprit, Fault, InputError, ModifierId};
use crate::store::{ModifierRow, StoreError};

/// A modifier.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModifierBody {
    id: String,
    name: String,
    /// Names or aliases of tools; `*` stands for any characters.
    tools: Vec<String>,
    /// Names of connections; null for all of them.
    connections: Option<Vec<String>>,
    /// `before` or `after`.
    when: String,
    /// Modifiers run from the lowest position up; those at one position in the order in which they were made.
    position: i64,
    /// Null if it is a component.
    #[schema(value_type = Option<Vec<Object>>)]
    steps: Option<Box<RawValue>>,
    /// SHA-256 of the component, in hex; null if it has steps.
    component_digest: Option<String>,
    created_at: String,
    updated_at: String,
}

/// One or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Patterns {
    One(String),
    Several(Vec<String>),
}

/// A new modifier.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewModifier {
    /// Unique in the project: letters, digits, `-`, `_` and `.`, at most 64.
    name: String,
    /// A name or alias of a tool, or several; `*` stands for any characters.
    tools: Patterns,
    /// Names of connections; all of them if absent.
    connections: Option<Vec<String>>,
    /// `before`: it changes the input, which must satisfy the tool's schema before and after; `after`: the output.
    when: String,
    /// 1000 if absent.
    position: Option<i64>,
    /// Objects with one verb each: `set` and `default` {`path`, `value`}, `remove` {`path`}, `rename` {`from`, `to`}, `pick`
    /// {`paths`}, `template` {`path`, `template`}. Paths are JSON Pointers; `*` stands for every element or member.
    #[schema(value_type = Option<Vec<Object>>)]
    steps: Option<Box<RawValue>>,
    /// Instead of steps, a component of the world `modifier` in base64.
    component: Option<String>,
}

/// All of a modifier but its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModifierContent {
    /// As in a new modifier.
    pub(super) tools: Patterns,
    /// As in a new modifier.
    pub(super) connections: Option<Vec<String>>,
    /// As in a new modifier.
    pub(super) when: String,
    /// 1000 if absent.
    pub(super) position: Option<i64>,
    /// As in a new modifier.
    #[schema(value_type = Option<Vec<Object>>)]
    pub(super) steps: Option<Box<RawValue>>,
    /// As in a new modifier.
    pub(super) component: Option<String>,
}

/// All modifiers, in the order in which they run.
#[utoipa::path(get, path = "/v1/modifiers", tag = "modifiers", params(PageQuery),
    responses((status = 200, body = List<ModifierBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<ModifierBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let all = state.host.store.modifiers(&caller.project).await?.modifiers;
    let from = match &page.cursor {
        None => 0,
        Some(cursor) => {
            let last = all.iter().position(|row| row.id.as_str() == cursor);
            last.map(|last| last + 1).ok_or_else(|| {
                Problem::bad_request("`cursor` is not one that this list gave out, or it was removed: list anew")
            })?
        }
    };
    let items: Vec<&ModifierRow> = all.iter().skip(from).take(page.limit as usize).collect();
    let more = from + items.len() < all.len();
    Ok(axum::Json(List {
        prev_cursor: None,
        next_cursor: items.last().filter(|_| more).map(|row| row.id.to_string()),
        items: items.into_iter().map(body).collect(),
        total_size: all.len() as u64,
    }))
}

/// Makes a modifier. Its steps or its component are compiled and checked now.
#[utoipa::path(post, path = "/v1/modifiers", tag = "modifiers", request_body = NewModifier,
    responses((status = 201, body = ModifierBody), (status = 409, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewModifier>,
) -> Result<Response, Problem> {
    let NewModifier { name, tools, connections, when, position, steps, component } = new;
    let content = ModifierContent { tools, connections, when, position, steps, component };
    let (row, wasm) = new_row(&state, &caller, name, content).await?;
    insert(&state, &caller, &row, wasm.as_deref()).await?;
    Ok((StatusCode::CREATED, axum::Json(body(&row))).into_response())
}

/// One modifier.
#[utoipa::path(get, path = "/v1/modifiers/{name}", tag = "modifiers", params(("name" = String, Path)),
    responses((status = 200, body = ModifierBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<axum::Json<ModifierBody>, Problem> {
    let row = state.host.store.find_modifier(&caller.project, &name).await?.ok_or_else(missing)?;
    Ok(axum::Json(body(&row)))
}

/// Puts a modifier in place of the one of this name, or makes it.
#[utoipa::path(put, path = "/v1/modifiers/{name}", tag = "modifiers", params(("name" = String, Path)),
    request_body = ModifierContent,
    responses((status = 200, body = ModifierBody), (status = 201, body = ModifierBody), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(content): Json<ModifierContent>,
) -> Result<Response, Problem> {
    let (row, created) = put_row(&state, &caller, name, content).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(body(&row))).into_response())
}

/// Stores a modifier in place of the one of this name, or as a new one; whether it is new.
pub(super) async fn put_row(
    state: &ApiState,
    caller: &Caller,
    name: String,
    content: ModifierContent,
) -> Result<(ModifierRow, bool), Problem> {
    let store = &state.host.store;
    let (new, wasm) = new_row(state, caller, name, content).await?;
    let Some(old) = store.find_modifier(&caller.project, &new.name).await? else {
        insert(state, caller, &new, wasm.as_deref()).await?;
        return Ok((new, true));
    };
    let row = ModifierRow { id: old.id, created_at: old.created_at, ..new };
    if !store.update_modifier(&caller.by(row.updated_at), &row, wasm.as_deref()).await? {
        return Err(Problem::conflict("somebody else removed the modifier at the same time: try again"));
    }
    Ok((row, false))
}

/// Removes a modifier: no call that begins after this has it.
#[utoipa::path(delete, path = "/v1/modifiers/{name}", tag = "modifiers", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_modifier(&by, &caller.project, &name).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// The modifier as it is to be stored, checked, with the bytes of its component.
async fn new_row(
    state: &ApiState,
    caller: &Caller,
    name: String,
    content: ModifierContent,
) -> Result<(ModifierRow, Option<Vec<u8>>), Problem> {
    check_name(&name)?;
    let ModifierContent { tools, connections, when, position, steps, component } = content;
    let tools = match tools {
        Patterns::One(pattern) => vec![pattern],
        Patterns::Several(patterns) => patterns,
    };
    let work = work(steps, component)?;
    let (host, now) = (&state.host, state.host.clock.now());
    let new = call::NewModifier { tools, connections, when, position, work };
    let CheckedModifier { tools, connections, when, position, steps, component } =
        check_modifier(host, &caller.project, new).await?;
    let (digest, wasm) = component.unzip();
    let row = ModifierRow {
        id: ModifierId::new(&host.clock, &host.random),
        project: caller.project.clone(),
        name,
        tools,
        connections,
        when,
        position,
        steps,
        component: digest,
        created_at: now,
        updated_at: now,
    };
    Ok((row, wasm))
}

fn work(steps: Option<Box<RawValue>>, component: Option<String>) -> Result<NewWork, Problem> {
    match (steps, component) {
        (Some(steps), None) => Ok(NewWork::Steps(steps.get().to_owned())),
        (None, Some(text)) => STANDARD.decode(text).map(NewWork::Component).map_err(|_| {
            let errors = vec![InputError { path: "/component".into(), message: "it is not base64".into() }];
            Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, "this is not a modifier") }.into()
        }),
        _ => Err(Problem::bad_request("a modifier has either `steps` or a `component`")),
    }
}

async fn insert(state: &ApiState, caller: &Caller, row: &ModifierRow, wasm: Option<&[u8]>) -> Result<(), Problem> {
    let store = &state.host.store;
    call::room_for_modifier(store.modifiers(&caller.project).await?.modifiers.len())?;
    store.insert_modifier(&caller.by(row.created_at), row, wasm).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("there is a modifier of this name"),
        error => error.into(),
    })
}

fn missing() -> Problem {
    Problem::not_found("there is no such modifier")
}

fn body(row: &ModifierRow) -> ModifierBody {
    ModifierBody {
        id: row.id.to_string(),
        name: row.name.clone(),
        tools: row.tools.clone(),
        connections: row.connections.clone(),
        when: row.when.as_str().into(),
        position: row.position,
        steps: row.steps.clone().map(raw),
        component_digest: row.component.clone(),
        created_at: row.created_at.to_rfc3339(),
        updated_at: row.updated_at.to_rfc3339(),
    }
}
