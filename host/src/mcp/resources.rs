//! Resources: those of connectors, where the config offers them, and what calls came to that is longer than answers are.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Asking, request_of};
use super::era::Era;
use super::follow::{Follow, is_own};
use super::limits::{RESOURCE_FRESH_MS, RESULT_FRESH_MS};
use super::list::{self, paged};
use super::message::RpcError;
use super::names::{code, meta};
use super::prompts::{self, words};
use super::reached::NoAnswer;
use super::way::{self, Brought};
use super::whose::Visitor;
use crate::call::{self, Answer, Asker, Host, Visible};
use crate::model::{ExecutionId, Resource, Resources, owner_of_uri, told_uri, uri_fits};

/// What the names of results begin and end with.
const PREFIX: &str = "gloveport://executions/";
const SUFFIX: &str = "/result";

/// What `resources/read` is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    uri: String,
    request_state: Option<String>,
    input_responses: Option<Map<String, Value>>,
}

/// The name of what a call came to.
pub(super) fn uri_of(execution: &ExecutionId) -> String {
    format!("{PREFIX}{execution}{SUFFIX}")
}

/// A page of the resources that a visitor can read. Results are not among them: a call tells of its own.
pub(super) async fn page(host: &Host, visitor: &Visitor, era: &Era, params: list::Params) -> Result<Value, RpcError> {
    let all = offered(host, visitor, |resources| &resources.list).await?;
    paged("resources", told(&all, "uri", era), params, era)
}

/// A page of the templates of resources that a visitor can read.
pub(super) async fn templates(
    host: &Host,
    visitor: &Visitor,
    era: &Era,
    params: list::Params,
) -> Result<Value, RpcError> {
    let all = offered(host, visitor, |resources| &resources.templates).await?;
    paged("resourceTemplates", told(&all, "uriTemplate", era), params, era)
}

/// Reads a resource.
///
/// # Errors
///
/// There is none of this name for the visitor, or its call came to no answer.
pub(super) async fn read(
    host: &Host,
    visitor: &Visitor,
    era: &Era,
    params: Params,
    asker: Asker,
) -> Result<Value, RpcError> {
    if params.uri.starts_with(PREFIX) {
        return result_of_call(host, visitor, era, params).await;
    }
    let Params { uri, request_state, input_responses } = params;
    let (connector, own) = owner_of_uri(&uri).ok_or_else(|| missing(era, &uri))?;
    let getters = getters(host, visitor).await?;
    let tool = reader_of(&getters, &connector, own).ok_or_else(|| missing(era, &uri))?;
    let input = json!({ "uri": own }).to_string();
    let request = request_of(&visitor.caller, "resources/read", &uri, &input);
    let asking = Asking { call: Follow { host, visitor, era }, request, tasks: false };
    let brought = Brought { state: request_state, responses: input_responses };
    let reached = way::call(&asking, tool, input, brought, asker).await?;
    match reached.answer() {
        Ok(answer) => contents(&connector, &answer, era),
        Err(NoAnswer::Asked(question)) => Ok(question),
        Err(NoAnswer::Missing(_)) => Err(missing(era, &uri)),
        Err(NoAnswer::Error(error)) => Err(error),
    }
}

/// The tools by which a visitor reads resources: found as all tools are.
async fn getters(host: &Host, visitor: &Visitor) -> Result<Vec<Visible>, RpcError> {
    if !visitor.shows.resources {
        return Ok(Vec::new());
    }
    let mut offered = list::offered(host, &visitor.caller).await.map_err(|fault| RpcError::params(fault.detail))?;
    offered.retain(|visible| resources_of(visible).is_some());
    Ok(offered)
}

/// The tool that reads a resource of a connector, if that lists it.
fn reader_of<'a>(getters: &'a [Visible], connector: &str, uri: &str) -> Option<&'a str> {
    let getter = getters.iter().find(|visible| visible.installed.connector.name == connector)?;
    let resources = resources_of(getter)?;
    let fits = |template: &Resource| uri_fits(&template.uri, uri);
    let there = resources.list.iter().any(|one| one.uri == uri) || resources.templates.iter().any(fits);
    there.then_some(&resources.tool)
}

/// Resources that a tool reads.
fn resources_of(visible: &Visible) -> Option<&Resources> {
    visible.installed.connector.resources.as_ref().filter(|resources| resources.tool == visible.tool().tool.name)
}

/// Resources or templates, each with its connector's name.
async fn offered(
    host: &Host,
    visitor: &Visitor,
    which: fn(&Resources) -> &Vec<Resource>,
) -> Result<Vec<(String, Resource)>, RpcError> {
    let getters = getters(host, visitor).await?;
    let mut offered = Vec::new();
    for visible in &getters {
        let all = resources_of(visible).map(which).into_iter().flatten();
        offered.extend(all.map(|resource| (visible.installed.connector.name.clone(), resource.clone())));
    }
    Ok(offered)
}

fn told(all: &[(String, Resource)], key: &str, era: &Era) -> Vec<(String, Value)> {
    let told = all.iter().map(|(connector, resource)| {
        let Resource { uri, name, title, description, media_type } = resource;
        let uri = told_uri(connector, uri);
        let mut told = json!({ key: uri, "name": name });
        words(&mut told, title.as_deref(), description.as_deref(), era);
        if let Some(media_type) = media_type {
            told["mimeType"] = media_type.as_str().into();
        }
        (uri, told)
    });
    told.collect()
}

/// What a tool answered, as what is in a resource.
fn contents(connector: &str, answer: &Answer, era: &Era) -> Result<Value, RpcError> {
    let none = || RpcError::new(code::INTERNAL, "what the connector answers is no resource");
    let data: Value = serde_json::from_str(&answer.data).map_err(|_| none())?;
    let all = data["contents"].as_array().ok_or_else(none)?;
    let all: Option<Vec<Value>> = all.iter().map(|one| prompts::contents(connector, one)).collect();
    let mut result =
        json!({ "contents": all.ok_or_else(none)?, "_meta": { meta::EXECUTION: answer.execution.as_str() } });
    if answer.simulated {
        result["_meta"]["gloveport/simulated"] = true.into();
    }
    if era.is_modern() {
        result["ttlMs"] = RESOURCE_FRESH_MS.into();
        result["cacheScope"] = "private".into();
    }
    Ok(result)
}

/// Reads what a call of this caller came to.
async fn result_of_call(host: &Host, visitor: &Visitor, era: &Era, params: Params) -> Result<Value, RpcError> {
    let caller = &visitor.caller;
    let name = params.uri.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    let id = name.and_then(ExecutionId::parse).ok_or_else(|| missing(era, &params.uri))?;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a result could not be read");
        RpcError::internal()
    };
    let found = host.store.find_execution(&caller.project, &id).await.map_err(|error| failed(&error))?;
    let execution = found.filter(|found| is_own(caller, found)).ok_or_else(|| missing(era, &params.uri))?;
    let bodies = call::bodies(host, caller, &execution).await.map_err(|fault| failed(&fault.detail))?;
    let data = bodies.data.ok_or_else(|| missing(era, &params.uri))?;
    let mut result = json!({ "contents": [{ "uri": params.uri, "mimeType": "application/json", "text": data }] });
    if era.is_modern() {
        result["ttlMs"] = RESULT_FRESH_MS.into();
        result["cacheScope"] = "private".into();
    }
    Ok(result)
}

fn missing(era: &Era, uri: &str) -> RpcError {
    let code = if era.is_modern() { code::INVALID_PARAMS } else { code::NO_SUCH_RESOURCE };
    let error = RpcError::new(code, "there is no such resource, or its time is over");
    RpcError { data: Some(json!({ "uri": uri })), ..error }
}
