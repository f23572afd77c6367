//! Connectors, as far as that takes long: documents fetched and imported, components compiled. Nothing is stored.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::resources::{AppliedConnector, AppliedModifier};
use crate::api::connectors::parsed_imports;
use crate::api::imports::{importing, text};
use crate::api::{ApiState, Problem};
use crate::catalog::{self, Asked, Document, Ready};
use crate::model::{Caller, Import};

/// A connector that only has to be stored.
#[derive(Debug)]
pub(super) enum Prepared {
    /// It is as it is to be.
    Same,
    /// It was made of a document.
    Declared(Box<Ready>),
    /// A component, and what it is granted.
    Component {
        /// Its bytes.
        wasm: Bytes,
        /// All that it asks for if `None`.
        granted: Option<BTreeSet<Import>>,
    },
}

/// Does what takes long.
pub(super) async fn connector(
    state: &ApiState,
    caller: &Caller,
    wanted: &AppliedConnector,
) -> Result<Prepared, Problem> {
    let AppliedConnector { name, document, url, mcp, options, component, digest, imports } = wanted;
    let of_component = imports.is_some();
    if let Some(server) = mcp {
        if of_component || document.is_some() || url.is_some() || component.is_some() || digest.is_some() {
            return Err(Problem::bad_request("a connector with `mcp` has nothing else but `options`"));
        }
        let document = Document::Text(server.document());
        return declared(state, caller, name, document, options.clone().unwrap_or_default()).await;
    }
    match (document, url, component, digest) {
        (Some(document), None, None, None) if !of_component => {
            declared(state, caller, name, Document::Text(text(document)), options.clone().unwrap_or_default()).await
        }
        (None, Some(url), None, None) if !of_component => {
            let text = catalog::fetch_document(&state.host.egress, url).await?;
            let document = Document::Fetched { text, url: url.clone() };
            declared(state, caller, name, document, options.clone().unwrap_or_default()).await
        }
        (None, None, Some(component), None) if options.is_none() => {
            let wasm = STANDARD.decode(component);
            let wasm = wasm.map_err(|_| Problem::bad_request("`component` is not base64"))?;
            compiled(state, caller, wanted, wasm.into()).await
        }
        (None, None, None, Some(digest)) if options.is_none() => {
            let found = state.host.store.component(digest).await?;
            let wasm = found.ok_or_else(|| Problem::bad_request("`digest` is of no component that this host has"))?;
            compiled(state, caller, wanted, wasm.into()).await
        }
        _ => Err(Problem::bad_request(
            "a connector has one of `document`, `url`, `mcp`, `component` and `digest`; `options` are for the first three \
             and `imports` for the last two",
        )),
    }
}

/// Compiles a modifier's component, if it has one. What is wrong with it is told when it is checked.
pub(super) async fn modifier(state: &ApiState, wanted: &AppliedModifier) {
    if let Some(wasm) = wanted.component.as_ref().and_then(|text| STANDARD.decode(text).ok()) {
        let _ = catalog::compile_ahead(&state.host.runtime, wasm.into()).await;
    }
}

async fn declared(
    state: &ApiState,
    caller: &Caller,
    name: &str,
    document: Document,
    options: serde_json::Map<String, serde_json::Value>,
) -> Result<Prepared, Problem> {
    let store = &state.host.store;
    let (text, url) = match &document {
        Document::Fetched { text, url } => (text, Some(url)),
        Document::Text(text) => (text, None),
        Document::Url(_) | Document::Same => return Err(Problem::bad_request("the document was not fetched")),
    };
    if let Some(known) = store.find_declaration(&caller.project, name).await?
        && known.url.as_ref() == url
        && serde_json::from_str::<serde_json::Value>(&known.options)
            .is_ok_and(|known| known.as_object() == Some(&options))
        && store.declared_document(&caller.project, name).await?.is_some_and(|known| is_same(&known, text))
    {
        return Ok(Prepared::Same);
    }
    let by = caller.by(state.host.clock.now());
    let asked = Asked { document, options, dry_run: false };
    let ready = catalog::ready(importing(state), &by, &caller.project, name, asked).await?;
    Ok(Prepared::Declared(Box::new(ready)))
}

/// Whether two documents say the same: JSON does however it is written.
fn is_same(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

async fn compiled(
    state: &ApiState,
    caller: &Caller,
    wanted: &AppliedConnector,
    wasm: Bytes,
) -> Result<Prepared, Problem> {
    let host = &state.host;
    let granted = wanted.imports.as_ref().map(|names| parsed_imports(names.iter().map(String::as_str))).transpose()?;
    let digest = catalog::compile_ahead(&host.runtime, wasm.clone()).await?;
    if let Some(known) = host.catalog.find_connector(&host.store, &caller.project, &wanted.name).await?
        && known.digest == digest
        && granted.as_ref().is_none_or(|granted| *granted == known.granted)
    {
        return Ok(Prepared::Same);
    }
    Ok(Prepared::Component { wasm, granted })
}
