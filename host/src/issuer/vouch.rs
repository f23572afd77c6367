//! The application says, with its API key, who is signed in at the browser that was sent to it.

use url::Url;

use super::limits::REQUEST_LIFE;
use crate::call::Host;
use crate::connect::{self, ConnectError};
use crate::model::{Caller, Code, Culprit, Fault, McpRequest, McpRequestId, McpStep};
use crate::store::{McpMove, Vouched};

/// Bytes of a user and of an organization: what instances and accounts take.
const MAX_NAME: usize = 256;

/// What an application says.
#[derive(Debug)]
pub struct Word {
    /// The user who is signed in.
    pub identifier: String,
    /// The user's organization, where the application has several.
    pub organization: Option<String>,
    /// The config that the application means: of another one it is not true.
    pub config: String,
}

/// Takes an application's word, once; gives the page to which it sends the browser then. The page opens in the browser that
/// came with the client's request, and in no other.
///
/// # Errors
///
/// [`ConnectError::Refused`]: 404 for a request of nobody's or another project's, 409 for one that does not wait (any more),
/// 403 for another config, or a user that this caller may not speak for; that ends the request.
pub async fn vouch(host: &Host, caller: &Caller, id: &McpRequestId, word: &Word) -> Result<Url, ConnectError> {
    let refuse = |code, detail: &str| Err(Fault::new(code, Culprit::Caller, detail).into());
    let sound = |text: &str| !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
    if !sound(&word.identifier) || word.organization.as_deref().is_some_and(|name| !sound(name)) {
        return refuse(Code::InvalidInput, "`identifier` and `organization` are 1 to 256 bytes of printable text");
    }
    let found = host.store.mcp_request(id).await?.filter(|request| request.project == caller.project);
    let Some(request) = found else { return refuse(Code::NotFound, "there is no such request of an MCP client") };
    let by = caller.by(host.clock.now());
    let waits = "this request of an MCP client does not wait to be confirmed: it was, or is too old";
    if request.step != McpStep::Begun || request.expires_at <= by.at {
        return refuse(Code::Conflict, waits);
    }
    if let Err(why) = may_say(caller, &request, word) {
        let failed = between(McpStep::Begun, McpStep::Failed);
        host.store.move_mcp_request(&by, &request, &failed).await?;
        return refuse(Code::Forbidden, why);
    }
    let page = connect::unguessable(&host.random);
    let hash = connect::hash("mcp-page", &page);
    let vouched = Vouched {
        identifier: &word.identifier,
        organization: word.organization.as_deref(),
        by: &caller.key,
        page: &hash,
    };
    let change = McpMove {
        vouched: Some(vouched),
        expires_at: Some(by.at.plus(REQUEST_LIFE)),
        ..between(McpStep::Begun, McpStep::Vouched)
    };
    if !host.store.move_mcp_request(&by, &request, &change).await? {
        return refuse(Code::Conflict, waits);
    }
    Ok(connect::page(&host.public_url, &["oauth", "authorize", &page]))
}

/// From one step to another, and nothing else.
pub(super) fn between<'a>(from: McpStep, to: McpStep) -> McpMove<'a> {
    McpMove { from, to, vouched: None, code: None, expires_at: None }
}

fn may_say(caller: &Caller, request: &McpRequest, word: &Word) -> Result<(), &'static str> {
    if word.config != request.config.name {
        return Err("the client asks for another MCP config: it gets nothing");
    }
    if caller.identifier.as_ref().is_some_and(|own| *own != word.identifier) {
        return Err("this caller speaks for another user: the client gets nothing");
    }
    if caller.profile.as_ref().is_some_and(|own| own.id != request.config.id) {
        return Err("this caller is bound to another profile: the client gets nothing");
    }
    Ok(())
}
