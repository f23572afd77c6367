//! A call that lacks an account: the link with which its user connects one, in the way that the client can show it.

use serde_json::{Value, json};

use super::content;
use super::era::Era;
use super::list;
use super::message::RpcError;
use super::names::code;
use super::whose::Visitor;
use crate::call::{Failed, Host};
use crate::connect::Link;
use crate::endpoints::{self, ConnectionState};
use crate::model::{Code, Fault};

/// What a user is to open, and for which connection.
pub(super) struct Offer {
    pub(super) connection: String,
    pub(super) link: Link,
}

/// What a user is told who is to open a link.
pub(super) fn message(connection: &str) -> String {
    format!("Connect your account on `{connection}` to go on.")
}

/// A link for the account that a call of a tool lacked; `None` where none would help.
pub(super) async fn after(host: &Host, visitor: &Visitor, tool: &str, fault: &Fault) -> Option<Offer> {
    if !matches!(fault.code, Code::AccountNotConnected | Code::AccountNotActive | Code::MissingScopes) {
        return None;
    }
    let offered = list::offered(host, &visitor.caller).await.ok()?;
    let named = |name: &str| {
        let tool = offered.iter().find(|visible| visible.tool().tool.name == name);
        tool.or_else(|| offered.iter().find(|visible| visible.tool().tool.aliases.iter().any(|alias| alias == name)))
    };
    let through = &named(tool)?.connections;
    let states = states(host, visitor).await.ok()?;
    let mut states = states.iter().filter(|state| through.contains(&state.name));
    // Scopes are lacked by an account that is connected; the others lack the account.
    let state =
        if fault.code == Code::MissingScopes { states.next() } else { states.find(|state| state.can_connect()) };
    of(host, visitor, state?, &fault.missing_scopes).await
}

/// How the visitor stands with the connections of the endpoint.
pub(super) async fn states(host: &Host, visitor: &Visitor) -> Result<Vec<ConnectionState>, RpcError> {
    let caller = &visitor.caller;
    let (Some(profile), Some(identifier)) = (&caller.profile, &caller.identifier) else {
        return Err(RpcError::params(
            "this endpoint is no user's: its key has to be bound to one, or its URL to name one",
        ));
    };
    let states =
        endpoints::auth_state(host, &caller.project, &profile.name, (identifier, visitor.organization.as_deref()))
            .await;
    states.map_err(|error| {
        tracing::error!(%error, "the state of connections could not be read");
        RpcError::internal()
    })
}

/// A link for a connection; `None` where none would help, or none can be made: the log says why.
pub(super) async fn of(host: &Host, visitor: &Visitor, state: &ConnectionState, scopes: &[String]) -> Option<Offer> {
    let identifier = visitor.caller.identifier.as_deref()?;
    let user = (identifier, visitor.organization.as_deref());
    match endpoints::link(host, &visitor.caller, user, state, scopes).await {
        Ok(link) => Some(Offer { connection: state.name.clone(), link: link? }),
        Err(error) => {
            tracing::warn!(connection = state.name, %error, "no link can be made");
            None
        }
    }
}

/// What clients of 2025-11-25 are told that open links for their users.
pub(super) fn required(offer: &Offer) -> RpcError {
    let elicitation = json!({ "mode": "url", "elicitationId": offer.link.id.as_str(), "url": offer.link.url.as_str(),
        "message": message(&offer.connection) });
    let error = RpcError::new(code::URL_REQUIRED, message(&offer.connection));
    RpcError { data: Some(json!({ "elicitations": [elicitation] })), ..error }
}

/// What the others are told: the link, for the model to show.
pub(super) fn told(failed: &Failed, offer: &Offer) -> Value {
    let mut told = content::told(&failed.fault, failed.execution.as_ref());
    told["detail"] =
        format!("{} Show the user the link `connect_url`, and call again then.", message(&offer.connection)).into();
    told["connect_url"] = offer.link.url.as_str().into();
    told
}

/// Whether a client of an earlier revision opens links.
pub(super) fn opens_links(era: &Era) -> bool {
    era.elicits.url && era.since("2025-11-25")
}
