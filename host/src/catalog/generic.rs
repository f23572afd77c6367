//! The generic connectors: components that make tools of documents, or of MCP servers, and run them.

use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::CatalogError;
use crate::runtime::{Compiled, ImporterPlugin, Plugin, Runtime};

/// The file beside the one for documents.
const SERVERS: &str = "mcp.wasm";

/// What a connector is made of: each has a component that makes its tools and runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A document that describes an API (`plugins/openapi`).
    Document,
    /// An MCP server (`plugins/mcp`).
    Server,
}

/// Where the generic connectors are, and their code once something was imported.
///
/// They are not looked at before: a host that imports nothing needs none, and tools that were imported earlier run by the
/// component that they were imported with.
#[derive(Debug)]
pub struct Generic {
    documents: Component,
    servers: Component,
    plugin: OnceCell<Plugin>,
}

#[derive(Debug)]
struct Component {
    places: Vec<PathBuf>,
    loaded: OnceCell<Loaded>,
}

/// A component, read and compiled.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) wasm: Bytes,
    /// SHA-256, in hex.
    pub(super) digest: String,
    pub(super) compiled: Compiled,
    pub(super) importer: ImporterPlugin,
}

impl Generic {
    /// The first of these files that is there is for documents; the one for MCP servers lies beside it.
    pub fn new(places: Vec<PathBuf>) -> Self {
        let beside = places.iter().map(|place| place.with_file_name(SERVERS)).collect();
        let component = |places| Component { places, loaded: OnceCell::new() };
        Self { documents: component(places), servers: component(beside), plugin: OnceCell::new() }
    }

    /// The code of the one for documents, for requests that callers write themselves; linked the first time.
    ///
    /// # Errors
    /// [`CatalogError::NoGeneric`] if it is not there, or cannot be used.
    pub async fn plugin(&self, runtime: &Runtime) -> Result<&Plugin, CatalogError> {
        let link = async || {
            let loaded = self.loaded(runtime, Kind::Document).await?;
            Ok(runtime.link(&loaded.compiled, runtime.imports(&loaded.compiled))?)
        };
        self.plugin.get_or_try_init(link).await
    }

    /// The component; read and compiled the first time.
    pub(super) async fn loaded(&self, runtime: &Runtime, kind: Kind) -> Result<&Loaded, CatalogError> {
        let component = match kind {
            Kind::Document => &self.documents,
            Kind::Server => &self.servers,
        };
        component.loaded.get_or_try_init(|| component.load(runtime)).await
    }
}

impl Component {
    async fn load(&self, runtime: &Runtime) -> Result<Loaded, CatalogError> {
        let Some(path) = self.places.iter().find(|path| path.is_file()).cloned() else {
            let places: Vec<String> = self.places.iter().map(|path| path.display().to_string()).collect();
            return Err(CatalogError::NoGeneric(format!(
                "this host cannot import: the generic connector is not at {}. Start it with --generic FILE",
                places.join(" or ")
            )));
        };
        let runtime = runtime.clone();
        super::install::blocking(move || {
            let unusable = |reason: String| {
                let path = path.display();
                CatalogError::NoGeneric(format!("the generic connector at {path} cannot be used: {reason}"))
            };
            let wasm = Bytes::from(std::fs::read(&path).map_err(|error| unusable(error.to_string()))?);
            let digest = hex::encode(Sha256::digest(&wasm));
            let compiled = runtime.compile(&wasm, &digest).map_err(|error| unusable(error.to_string()))?;
            let importer = runtime.importer(&compiled).map_err(|error| unusable(error.to_string()))?;
            Ok(Loaded { wasm, digest, compiled, importer })
        })
        .await
    }
}
