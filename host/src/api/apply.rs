//! `POST /v1/apply`: makes things as files say, all of them or none.

mod current;
mod fields;
mod kinds;
mod prepare;
mod put;
mod remove;
mod resources;
mod run;

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Admin, Json};
use super::{ApiState, Problem};
use crate::identity;
use crate::model::{Caller, Code, Culprit, Fault, InputError};
pub(super) use current::all;
use fields::FieldBody;
pub(super) use kinds::Kind;
use prepare::Prepared;
pub(in crate::api) use resources::Resources;
use resources::{Placed, Resource, refused};
use run::{Done, Run};

/// Things that one request may hold: more than a project has by hand, and few enough that they are written in a second.
const MAX_RESOURCES: usize = 2_000;

/// How long the transaction may take. Calls wait for it on SQLite, and give up after ten seconds.
const MAX_TRANSACTION: Duration = Duration::from_secs(8);

/// Bytes of the name of a set of files.
const MAX_SET: usize = 64;

/// Things as they are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyBody {
    /// What is to be there.
    resources: Resources,
    /// Only says what would be different.
    #[serde(default)]
    dry_run: bool,
    /// Removes what was made of this set of files before, and is not among the resources any more.
    #[serde(default)]
    prune: bool,
    /// Which set of files these are, so that several can be applied to one project; `default` if absent.
    set: Option<String>,
}

/// What was done, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppliedBody {
    /// Each thing, in the order in which it was done.
    changes: Vec<ChangeBody>,
    created: usize,
    changed: usize,
    removed: usize,
    unchanged: usize,
    /// Whether nothing was done.
    dry_run: bool,
}

/// What was done to one thing, or would be.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeBody {
    /// `secret`, `connector`, `connection`, `profile`, `policy`, `policy_defaults`, `modifier`, `mcp_config` or `webhook`.
    kind: &'static str,
    name: String,
    /// `create`, `change`, `remove` or `unchanged`.
    action: Action,
    /// What is different; of what is removed, nothing is told.
    fields: Vec<FieldBody>,
    /// What else there is to know, such as the tools that a connector gets and loses.
    notes: Vec<String>,
    /// Of a new webhook, what its notices are signed with: shown once, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// What becomes of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Create,
    Change,
    Remove,
    Unchanged,
}

/// Makes things as they are written: those that are missing are made, those that differ are changed, the others stay
/// untouched. All of it is checked before any of it counts, and it counts at once or not at all.
///
/// Needs the scopes to read and to write each kind that it names.
#[utoipa::path(post, path = "/v1/apply", tag = "apply", request_body = ApplyBody,
    responses((status = 200, body = AppliedBody), (status = 403, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn apply(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(body): Json<ApplyBody>,
) -> Result<axum::Json<AppliedBody>, Problem> {
    let ApplyBody { resources, dry_run, prune, set } = body;
    let set = set.unwrap_or_else(|| "default".into());
    if set.is_empty() || set.len() > MAX_SET {
        return Err(Problem::bad_request(format!("`set` takes 1 to {MAX_SET} bytes")));
    }
    let placed = resources.placed().map_err(refused)?;
    if placed.len() > MAX_RESOURCES {
        return Err(Problem::bad_request(format!("at most {MAX_RESOURCES} things are applied at once")));
    }
    for one in &placed {
        identity::require(&caller, one.key.kind.write())?;
        identity::require(&caller, one.key.kind.read())?;
    }
    let prepared = prepare_all(&state, &caller, &placed).await?;
    // It goes on if the caller goes away: what is committed has to be on offer.
    let running = state.host.running.clone();
    let work = transact(state, caller, placed, prepared, Wish { dry_run, prune, set });
    running.spawn(work).await.map_err(|error| {
        tracing::error!(%error, "an application of files ended abnormally");
        Problem::from(Fault::new(Code::Internal, Culprit::Host, "it ended abnormally; the log says more"))
    })?
}

/// What is wanted besides the things themselves.
struct Wish {
    dry_run: bool,
    prune: bool,
    set: String,
}

/// What takes long, before the transaction: imports and compilations, by their place.
async fn prepare_all(
    state: &ApiState,
    caller: &Caller,
    placed: &[Placed],
) -> Result<HashMap<String, Prepared>, Problem> {
    let (mut prepared, mut errors) = (HashMap::new(), Vec::new());
    for Placed { key, place, resource } in placed {
        let wanted = match resource {
            Resource::Connector(wanted) => wanted,
            Resource::Modifier(wanted) => {
                prepare::modifier(state, wanted).await;
                continue;
            }
            _ => continue,
        };
        match prepare::connector(state, caller, wanted).await {
            Ok(ready) => drop(prepared.insert(place.clone(), ready)),
            Err(problem) if problem.is_hosts_own() => return Err(problem),
            Err(problem) => errors.extend(problem.within(place, key.kind.told_members())),
        }
    }
    if errors.is_empty() { Ok(prepared) } else { Err(refused(errors)) }
}

async fn transact(
    state: ApiState,
    caller: Caller,
    placed: Vec<Placed>,
    prepared: HashMap<String, Prepared>,
    wish: Wish,
) -> Result<axum::Json<AppliedBody>, Problem> {
    let host = &state.host;
    let (within, joint) = state.joined().await?;
    let project = caller.project.clone();
    let mut run = Run::new(within.clone(), caller, joint, wish.set).await?;
    let in_time = tokio::time::timeout(MAX_TRANSACTION, run.go(placed, prepared, wish.prune)).await;
    in_time.unwrap_or_else(|_| {
        let detail = "it takes longer than calls can wait: nothing was applied, try again or apply less at once";
        Err(Fault::new(Code::Unavailable, Culprit::Host, detail).into())
    })?;
    let Done { joint, changes, connectors, is_different } = run.done();
    let count = |action| changes.iter().filter(|change| change.action == action).count();
    let mut body = AppliedBody {
        created: count(Action::Create),
        changed: count(Action::Change),
        removed: count(Action::Remove),
        unchanged: count(Action::Unchanged),
        dry_run: wish.dry_run,
        changes,
    };
    if wish.dry_run || !is_different {
        joint.cancel().await?;
        // Such a secret was never kept.
        body.changes.iter_mut().for_each(|change| change.secret = None);
    } else {
        joint.commit().await?;
        host.catalog.take_over(&within.host.catalog, &project, &connectors);
    }
    Ok(axum::Json(body))
}
