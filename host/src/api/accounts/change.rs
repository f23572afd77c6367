//! Changes of a part of an account (AK-108): what is absent stays, and null removes.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::extract::{Admin, Hidden, Path, Query, SecretJson};
use super::super::{ApiState, Problem};
use super::{AccountBody, WhichAccount, account_body, find, settings_text, with_use};
use crate::call::{self, AccountChange};
use crate::model::{Account, Caller, Connection};

/// What to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ChangedAccount {
    /// Values of the auth pattern's fields; null removes one. With a new secret, all are tried and sealed as of a new
    /// account.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    credentials: BTreeMap<String, Option<Hidden>>,
    /// Further public fields; null removes one.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    fields: BTreeMap<String, Option<String>>,
    /// Settings of the account; null removes one.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Map<String, Value>,
}

/// Changes a part of an account. What is absent stays.
///
/// A change of where the credential may be sent to takes all of it anew.
#[utoipa::path(patch, path = "/v1/connections/{name}/accounts/{identifier}", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount), request_body = ChangedAccount,
    responses((status = 200, body = AccountBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(in super::super) async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
    SecretJson(body): SecretJson<ChangedAccount>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &name, &identifier, &which).await?;
    changed(&state, &caller, &connection, &account, body).await
}

pub(super) async fn changed(
    state: &ApiState,
    caller: &Caller,
    connection: &Connection,
    account: &Account,
    body: ChangedAccount,
) -> Result<axum::Json<AccountBody>, Problem> {
    let settings = match body.settings.is_empty() {
        true => None,
        false => {
            let mut all: Map<String, Value> = serde_json::from_str(&account.settings).unwrap_or_default();
            for (name, value) in body.settings {
                match value {
                    Value::Null => drop(all.remove(&name)),
                    value => drop(all.insert(name, value)),
                }
            }
            Some(settings_text(&all)?)
        }
    };
    let credentials = body.credentials.into_iter().map(|(name, value)| (name, value.map(|value| value.0))).collect();
    let change = AccountChange { credentials, fields: body.fields, settings };
    let changed = call::change_account(&state.host, caller, connection, &account.id, change).await?;
    let account = changed.ok_or_else(|| Problem::not_found("there is no such account"))?;
    Ok(axum::Json(account_body(&connection.name, &with_use(state, account))))
}
