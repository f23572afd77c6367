//! `tools/list`: what a call would find, in one order, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::era::Era;
use super::limits::{LIST_FRESH_MS, PAGE};
use super::message::RpcError;
use super::whose::Visitor;
use super::{schema, tools};
use crate::call::{Host, Visible, Wanted, visible_tools};
use crate::model::{Caller, Fault};

#[derive(Default, Deserialize)]
pub(super) struct Params {
    cursor: Option<String>,
}

/// A page of the tools that are listed to a visitor.
pub(super) async fn page(host: &Host, visitor: &Visitor, era: &Era, params: Params) -> Result<Value, RpcError> {
    let mut all: Vec<(String, Value)> = Vec::new();
    if visitor.shows.tools.searches() {
        all.extend(tools::own().into_iter().map(|tool| schema::for_era(tool, era)).map(named));
    }
    if visitor.shows.tools.lists() {
        let found = offered(host, &visitor.caller).await.map_err(|fault| RpcError::params(fault.detail))?;
        let listed = found.iter().filter(|visible| !visible.deferred);
        all.extend(listed.map(|visible| named(schema::listed(visible, era))));
    }
    // A tool of this server goes before one of a connector that has its name.
    paged("tools", all, params, era)
}

/// A page of a list, in the order of the names; of those with one name the first.
pub(super) fn paged(member: &str, mut all: Vec<(String, Value)>, params: Params, era: &Era) -> Result<Value, RpcError> {
    let after = params.cursor.as_deref().map(opened).transpose()?;
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.dedup_by(|(a, _), (b, _)| a == b);
    let mut rest = all.into_iter().skip_while(|(name, _)| after.as_ref().is_some_and(|after| name <= after));
    let page: Vec<(String, Value)> = rest.by_ref().take(PAGE).collect();
    let next = rest.next().and(page.last()).map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
    let mut result = json!({ member: page.into_iter().map(|(_, one)| one).collect::<Vec<_>>() });
    if let Some(next) = next {
        result["nextCursor"] = next.into();
    }
    if era.is_modern() {
        result["ttlMs"] = LIST_FRESH_MS.into();
        result["cacheScope"] = "private".into();
    }
    Ok(result)
}

/// The tools of a caller. With a profile, all that it has, also where the user still has to connect an account: a call then
/// says how. Without one, those that the user can call.
pub(super) async fn offered(host: &Host, caller: &Caller) -> Result<Vec<Visible>, Fault> {
    let identifier = if caller.profile.is_some() { None } else { caller.identifier.clone() };
    visible_tools(host, &Caller { identifier, ..caller.clone() }, &Wanted::default()).await
}

/// What tells one state of a caller's list from another.
pub(super) async fn fingerprint(host: &Host, caller: &Caller) -> Result<[u8; 32], Fault> {
    let mut digest = Sha256::new();
    for visible in offered(host, caller).await? {
        let tool = &visible.tool().tool;
        let parts = [tool.name.as_str(), &tool.title, &tool.description, visible.input_schema()];
        for part in parts.into_iter().chain(tool.output_schema.as_deref()) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update([u8::from(visible.deferred)]);
    }
    Ok(digest.finalize().into())
}

fn named(tool: Value) -> (String, Value) {
    (tool["name"].as_str().unwrap_or_default().to_owned(), tool)
}

fn opened(cursor: &str) -> Result<String, RpcError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|name| !name.is_empty());
    name.ok_or_else(|| RpcError::params("`cursor` is not one that this list gave out"))
}
