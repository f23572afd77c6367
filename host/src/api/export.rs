//! `GET /v1/export`: everything that `POST /v1/apply` takes, as it is now.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::apply::{Kind, Resources, all};
use super::extract::{Admin, Query};
use super::{ApiState, Problem};

/// What is to be told.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// Members of the resources, separated by commas, such as `connections,profiles`; all that the caller may read if absent.
    kinds: Option<String>,
}

/// Things as they are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportBody {
    /// In the form that `POST /v1/apply` takes.
    #[schema(value_type = Resources)]
    resources: Map<String, Value>,
    /// What is there and cannot be told: sealed values, and what the caller may not read.
    left_out: Vec<LeftOutBody>,
}

/// Something that is there and is not told.
#[derive(Debug, Serialize, ToSchema)]
struct LeftOutBody {
    /// A member of the resources.
    kind: &'static str,
    /// Null if it is all of them.
    name: Option<String>,
    reason: String,
}

/// Tells how things are, in the form that they can be applied in: to apply the answer changes nothing.
#[utoipa::path(get, path = "/v1/export", tag = "apply", params(ExportQuery),
    responses((status = 200, body = ExportBody), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn export(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ExportQuery>,
) -> Result<axum::Json<ExportBody>, Problem> {
    let (mut resources, mut left_out) = (Map::new(), Vec::new());
    for kind in kinds(query.kinds.as_deref())? {
        let member = kind.member();
        if !caller.may(kind.read()) {
            let reason = format!("the key has no scope {}", kind.read().as_str());
            left_out.push(LeftOutBody { kind: member, name: None, reason });
            continue;
        }
        let mut values = Vec::new();
        for one in all(&state, &caller.project, kind).await? {
            let sealed = one.value.get("source").is_none() && kind == Kind::Secret;
            if let Some(reason) = one.lost {
                let name = one.value["name"].as_str().map(str::to_owned);
                left_out.push(LeftOutBody { kind: member, name, reason: reason.into() });
            }
            if !sealed {
                values.push(one.value);
            }
        }
        unambiguous(kind, &values)?;
        match (kind, values.pop()) {
            (_, None) => {}
            (Kind::PolicyDefaults, Some(value)) => drop(resources.insert(member.into(), value)),
            (_, Some(last)) => {
                values.push(last);
                resources.insert(member.into(), values.into());
            }
        }
    }
    Ok(axum::Json(ExportBody { resources, left_out }))
}

fn kinds(wanted: Option<&str>) -> Result<Vec<Kind>, Problem> {
    let Some(wanted) = wanted else { return Ok(Kind::ALL.to_vec()) };
    let find = |name: &str| Kind::ALL.into_iter().find(|kind| kind.member() == name);
    let named = wanted.split(',').map(|name| {
        find(name).ok_or_else(|| {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.member()).collect();
            Problem::bad_request(format!("`kinds` may have {}", known.join(", ")))
        })
    });
    named.collect()
}

/// Policies and webhooks can have the same name twice; then files cannot tell which is meant.
fn unambiguous(kind: Kind, values: &[Value]) -> Result<(), Problem> {
    let member = match kind {
        Kind::Policy => "name",
        Kind::Webhook => "url",
        _ => return Ok(()),
    };
    let mut seen = BTreeSet::new();
    match values.iter().filter_map(|value| value[member].as_str()).find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(Problem::conflict(format!(
            "several {} have the {member} `{name}`, so files cannot tell them apart: rename or remove all but one",
            kind.member()
        ))),
    }
}
