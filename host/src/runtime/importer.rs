//! Components that make tools of documents: the world `importer`, of which the generic connector is one.

use std::collections::BTreeSet;

use wasmtime::component::types::ComponentItem;

use super::bindings::importer::{self as wit, Importer, ImporterPre};
use super::call::failure_from_guest;
use super::component::{offered, wrong};
use super::describe::check_tool;
use super::error::bounded;
use super::modifier::Instances;
use super::state::{Bounds, State};
use super::{CallError, Compiled, Failure, Runtime, RuntimeError, limits};
use crate::model::Tool;

/// A compiled importer, ready to be run any number of times.
#[derive(Clone)]
pub struct ImporterPlugin {
    pre: ImporterPre<State>,
}

/// What a document became. Its texts are the document's: bounded, and no more to be trusted than that.
#[derive(Debug)]
pub struct Imported {
    /// For people.
    pub title: String,
    /// For people.
    pub description: String,
    /// The document's own.
    pub version: String,
    /// What relative targets are joined to, as a manifest has it.
    pub base_url: String,
    /// Hosts that it may reach, as a manifest has them.
    pub hosts: Vec<String>,
    /// JSON text: auth patterns, as a manifest has them.
    pub auth: String,
    /// The tools, each checked as if a component had described it.
    pub tools: Vec<ImportedTool>,
    /// Operations that are no tools.
    pub skipped: Vec<Skipped>,
    /// How many operations the options left out.
    pub filtered: u32,
    /// What was bent, so that the document could be used.
    pub warnings: Vec<String>,
    /// What a catalogue files it under.
    pub categories: Vec<String>,
    /// JSON text: the test call, as a manifest has it.
    pub test: Option<String>,
    /// JSON text: an object with the members `prompts` and `resources`, as a manifest has them.
    pub offers: Option<String>,
}

/// A tool, and where it comes from.
#[derive(Clone, Debug)]
pub struct ImportedTool {
    /// The tool.
    pub tool: Tool,
    /// What the document calls it: what one import has in common with the next.
    pub operation: String,
}

/// An operation that is no tool.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// What the document calls it.
    pub operation: String,
    /// One sentence.
    pub reason: String,
}

impl Instances for ImporterPre<State> {
    type World = Importer;

    async fn instance(&self, store: &mut wasmtime::Store<State>) -> wasmtime::Result<Importer> {
        self.instantiate_async(store).await
    }
}

impl Runtime {
    /// The importer that a component is besides being a connector.
    ///
    /// # Errors
    /// It is none.
    pub fn importer(&self, compiled: &Compiled) -> Result<ImporterPlugin, RuntimeError> {
        let engine = &self.0.engine;
        let shape = compiled.component.component_type();
        let mut exports = shape.exports(engine);
        let is_import = |name: &str, item: &ComponentItem| {
            name == "import-document" && matches!(item, ComponentItem::ComponentFunc(_))
        };
        if !exports.any(|(name, item)| is_import(name, &item.ty)) {
            let detail = "it does not export the function `import-document`: it is no importer".into();
            return Err(RuntimeError::WrongWorld { detail });
        }
        // As for `describe`, all imports are there and none answers: a run for no call has nothing outside.
        let pre = offered(engine, &compiled.component, &compiled.imports)?;
        Ok(ImporterPlugin { pre: ImporterPre::new(pre).map_err(wrong)? })
    }

    /// Makes tools of a document in a fresh instance, which is thrown away afterwards; `options` is JSON text.
    ///
    /// # Errors
    /// [`Failure::InvalidInput`] with what is wrong with the document or the options; a limit that it ran into.
    pub async fn import(
        &self,
        importer: &ImporterPlugin,
        document: &str,
        options: &str,
    ) -> Result<Imported, CallError> {
        if document.len() > limits::DOCUMENT_BYTES {
            let allowed = limits::DOCUMENT_BYTES as u64;
            let detail = format!("the document has {} bytes", document.len());
            return Err(CallError::Limit { limit: "document_bytes", allowed, detail });
        }
        // It is never closed.
        let Ok(_permit) = self.0.imports.acquire().await else { return Err(CallError::Cancelled) };
        let bounds = Bounds {
            ticks: limits::IMPORT_TICKS,
            timeout: limits::IMPORT_TIMEOUT,
            memory_bytes: limits::IMPORT_MEMORY_BYTES,
            host_call_bytes: limits::IMPORTED_BYTES,
        };
        let run = self.run(&importer.pre, None, 0, bounds, async |importer, store| {
            importer.call_import_document(store, document, options).await
        });
        let run = run.await;
        let (memory_bytes, took) = (run.memory_bytes(), run.ran());
        tracing::info!(document_bytes = document.len(), memory_bytes, ?took, "a document was read in the sandbox");
        checked(run.outcome?.map_err(failure_from_guest)?)
    }
}

/// Checks what a component says of a document: a tool that cannot be served is one that was skipped.
fn checked(imported: wit::Imported) -> Result<Imported, CallError> {
    let wit::Imported { tools, operations, approvals, .. } = imported;
    if tools.len() != operations.len() {
        return Err(Failure::Internal("the importer names another number of operations than of tools".into()).into());
    }
    let approvals: BTreeSet<String> = approvals.into_iter().collect();
    let mut skipped: Vec<Skipped> = imported.skipped.into_iter().take(limits::REMARKS).map(remark).collect();
    let (mut names, mut known, mut kept) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (tool, operation) in tools.into_iter().zip(operations) {
        let operation = bounded(&operation, limits::REMARK_BYTES);
        let tool = check_tool(tool).and_then(|tool| match tool.aliases.iter().find(|name| names.contains(*name)) {
            _ if kept.len() >= limits::TOOLS => Err(format!("a connector has at most {} tools", limits::TOOLS)),
            _ if names.contains(&tool.name) => Err(format!("another tool is named `{}`", tool.name)),
            Some(alias) => Err(format!("another tool is named `{alias}`")),
            None if !known.insert(operation.clone()) => Err("another operation is called the same".into()),
            None => Ok(tool),
        });
        match tool {
            Ok(tool) => {
                names.extend(tool.aliases.iter().chain([&tool.name]).cloned());
                let requires_approval = approvals.contains(&tool.name);
                kept.push(ImportedTool { tool: Tool { requires_approval, ..tool }, operation });
            }
            Err(reason) => skipped.push(Skipped { operation, reason: bounded(&reason, limits::REMARK_BYTES) }),
        }
    }
    let text = |text: String| bounded(&text, limits::REMARK_BYTES);
    Ok(Imported {
        title: text(imported.title),
        description: text(imported.description),
        version: text(imported.version),
        base_url: text(imported.base_url),
        hosts: imported.hosts.into_iter().map(text).collect(),
        auth: imported.auth,
        tools: kept,
        skipped,
        filtered: imported.filtered,
        warnings: imported.warnings.into_iter().take(limits::REMARKS).map(text).collect(),
        categories: imported.categories.into_iter().take(limits::LABELS).map(text).collect(),
        test: imported.test.filter(|test| test.len() <= limits::SCHEMA_BYTES),
        offers: imported.offers,
    })
}

fn remark(skipped: wit::Skipped) -> Skipped {
    let text = |text: &str| bounded(text, limits::REMARK_BYTES);
    Skipped { operation: text(&skipped.operation), reason: text(&skipped.reason) }
}

impl std::fmt::Debug for ImporterPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImporterPlugin").finish_non_exhaustive()
    }
}
