//! Resources: what calls came to, where it is longer than answers are.

use serde::Deserialize;
use serde_json::{Value, json};

use super::era::Era;
use super::limits::RESULT_FRESH_MS;
use super::message::RpcError;
use super::names::code;
use super::whose::Visitor;
use crate::call::{self, Host};
use crate::model::{CallerScope, ExecutionId};

/// What the names of results begin and end with.
const PREFIX: &str = "gloveport://executions/";
const SUFFIX: &str = "/result";

#[derive(Deserialize)]
pub(super) struct Params {
    uri: String,
}

/// The name of what a call came to.
pub(super) fn uri_of(execution: &ExecutionId) -> String {
    format!("{PREFIX}{execution}{SUFFIX}")
}

/// Reads what a call of this caller came to.
pub(super) async fn read(host: &Host, visitor: &Visitor, era: &Era, params: Params) -> Result<Value, RpcError> {
    let caller = &visitor.caller;
    let name = params.uri.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    let id = name.and_then(ExecutionId::parse).ok_or_else(|| missing(era, &params.uri))?;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a result could not be read");
        RpcError::internal()
    };
    let found = host.store.find_execution(&caller.project, &id).await.map_err(|error| failed(&error))?;
    // Its own only, and only as the user that it was made for.
    let own = |identifier: &Option<String>| caller.identifier.is_none() || *identifier == caller.identifier;
    let found = found.filter(|found| found.key == caller.key && own(&found.identifier));
    let execution =
        found.filter(|_| caller.may(CallerScope::ExecutionsOwn)).ok_or_else(|| missing(era, &params.uri))?;
    let bodies = call::bodies(host, caller, &execution).await.map_err(|fault| failed(&fault.detail))?;
    let data = bodies.data.ok_or_else(|| missing(era, &params.uri))?;
    let mut result = json!({ "contents": [{ "uri": params.uri, "mimeType": "application/json", "text": data }] });
    if era.is_modern() {
        result["ttlMs"] = RESULT_FRESH_MS.into();
        result["cacheScope"] = "private".into();
    }
    Ok(result)
}

/// None is listed: a call tells of its own.
pub(super) fn none(what: &str, era: &Era) -> Value {
    let mut result = json!({ what: [] });
    if era.is_modern() {
        result["ttlMs"] = RESULT_FRESH_MS.into();
        result["cacheScope"] = "private".into();
    }
    result
}

fn missing(era: &Era, uri: &str) -> RpcError {
    let code = if era.is_modern() { code::INVALID_PARAMS } else { code::NO_SUCH_RESOURCE };
    let error = RpcError::new(code, "there is no such resource, or its time is over");
    RpcError { data: Some(json!({ "uri": uri })), ..error }
}
