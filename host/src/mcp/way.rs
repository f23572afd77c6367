//! One call of a tool, for whichever method of the protocol it is made.

use serde_json::{Map, Value, json};

use super::ask::Asking;
use super::follow::Follow;
use super::link;
use super::message::RpcError;
use super::names::code;
use super::reached::Reached;
use crate::call::{self, Asker, CallRequest, Failed, Reply};
use crate::formats;
use crate::model::{Code, Culprit, Fault, Surface};

/// What a client brings that was asked something before.
pub(super) struct Brought {
    pub(super) state: Option<String>,
    pub(super) responses: Option<Map<String, Value>>,
}

/// Calls a tool, or goes on with a call that its client comes back to.
///
/// # Errors
/// There is no such tool, or what the client brings is of no use; what goes wrong with the call is in [`Reached`].
pub(super) async fn call(
    asking: &Asking<'_>,
    name: &str,
    input: String,
    brought: Brought,
    asker: Asker,
) -> Result<Reached, RpcError> {
    let Follow { host, visitor, .. } = asking.call;
    if let Some(state) = brought.state
        && let Some(reached) = asking.again(&state, brought.responses.as_ref()).await?
    {
        return Ok(reached);
    }
    let found = host.catalog.find_tool(&host.store, &visitor.caller.project, name).await.map_err(|error| {
        tracing::error!(%error, "a tool could not be looked for");
        RpcError::internal()
    })?;
    let (installed, at) = found.ok_or_else(|| unknown("there is no such tool"))?;
    let tool = &installed.tools[at].tool;
    // Models that have to give every parameter give null for those that they leave out.
    let input = formats::without_nulls(&tool.input_schema, &input);
    let request = CallRequest { asker: Some(asker), ..CallRequest::new(Surface::Mcp, name, input) };
    let (identifier, organization) = (visitor.caller.identifier.clone(), visitor.organization.clone());
    let grant = visitor.opener.grant().cloned();
    let request = CallRequest { identifier, organization, grant, ..request };
    match call::call(host, &visitor.caller, request).await {
        Ok(Reply::Done(answer)) => Ok(Reached::Done { answer, output_schema: tool.output_schema.clone() }),
        Ok(Reply::Waiting(held)) => asking.held(&held).await,
        Ok(Reply::Started(execution)) => {
            Ok(Reached::Waits(json!({ "status": "started", "execution_id": execution.as_str() }), execution))
        }
        // A tool that this caller does not have is none.
        Err(Failed {
            execution: None,
            fault: Fault { code: Code::NotFound, culprit: Culprit::Caller, detail, .. },
        }) => Err(unknown(detail)),
        Err(failed) => match link::after(host, visitor, &tool.name, &failed.fault).await {
            Some(offer) => asking.to_connect(failed, offer),
            None => Ok(Reached::Failed(failed)),
        },
    }
}

fn unknown(detail: impl Into<String>) -> RpcError {
    RpcError::new(code::INVALID_PARAMS, detail)
}
