//! The generic connector: one component that makes tools of documents and runs them, for all declared connectors.

use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::CatalogError;
use crate::runtime::{Compiled, ImporterPlugin, Plugin, Runtime};

/// Where the generic connector is, and its code once something was imported.
///
/// It is not looked at before: a host that imports nothing needs none, and tools that were imported earlier run by the
/// component that they were imported with.
#[derive(Debug)]
pub struct Generic {
    places: Vec<PathBuf>,
    loaded: OnceCell<Loaded>,
    plugin: OnceCell<Plugin>,
}

/// The component, read and compiled.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) wasm: Bytes,
    /// SHA-256, in hex.
    pub(super) digest: String,
    pub(super) compiled: Compiled,
    pub(super) importer: ImporterPlugin,
}

impl Generic {
    /// The first of these files that is there.
    pub fn new(places: Vec<PathBuf>) -> Self {
        Self { places, loaded: OnceCell::new(), plugin: OnceCell::new() }
    }

    /// Its code, for requests that callers write themselves; linked the first time.
    ///
    /// # Errors
    /// [`CatalogError::NoGeneric`] if it is not there, or cannot be used.
    pub async fn plugin(&self, runtime: &Runtime) -> Result<&Plugin, CatalogError> {
        let link = async || {
            let loaded = self.loaded(runtime).await?;
            Ok(runtime.link(&loaded.compiled, runtime.imports(&loaded.compiled))?)
        };
        self.plugin.get_or_try_init(link).await
    }

    /// The component; read and compiled the first time.
    pub(super) async fn loaded(&self, runtime: &Runtime) -> Result<&Loaded, CatalogError> {
        self.loaded.get_or_try_init(|| self.load(runtime)).await
    }

    async fn load(&self, runtime: &Runtime) -> Result<Loaded, CatalogError> {
        let Some(path) = self.places.iter().find(|path| path.is_file()).cloned() else {
            let places: Vec<String> = self.places.iter().map(|path| path.display().to_string()).collect();
            return Err(CatalogError::NoGeneric(format!(
                "this host cannot import documents: the generic connector is not at {}. Start it with --generic FILE",
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
