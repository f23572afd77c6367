//! A modifier that is a component: its code once something runs it.

use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::super::Host;
use crate::model::{Code, Culprit, Fault};
use crate::runtime::ModifierPlugin;

/// The code of a modifier.
#[derive(Debug)]
pub(super) struct Component {
    digest: String,
    plugin: OnceCell<ModifierPlugin>,
}

impl Component {
    pub(super) fn new(digest: String) -> Self {
        Self { digest, plugin: OnceCell::new() }
    }

    /// SHA-256 of its bytes, in hex.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Loaded from the compiled artifacts, or compiled, the first time that it is asked for.
    pub(super) async fn plugin(&self, host: &Host, name: &str) -> Result<&ModifierPlugin, Fault> {
        self.plugin.get_or_try_init(|| self.load(host, name)).await
    }

    async fn load(&self, host: &Host, name: &str) -> Result<ModifierPlugin, Fault> {
        let unusable = |reason: &str| {
            let detail = format!("modifier `{name}` cannot be loaded: {reason}");
            Fault::new(Code::ModifierFailed, Culprit::Host, detail)
        };
        let (runtime, digest) = (host.runtime.clone(), self.digest.clone());
        let cached = blocking(move || runtime.cached_modifier(&digest)).await?;
        if let Some(cached) = cached {
            return cached.map_err(|error| unusable(&error.to_string()));
        }
        // Megabytes, and for nothing as long as the compiled artifact is there.
        let wasm = host.store.component(&self.digest).await.map_err(|error| {
            tracing::error!(%error, "the database failed");
            unusable("the host cannot reach its database")
        })?;
        let wasm = wasm.ok_or_else(|| unusable("its component is missing from the database"))?;
        let (runtime, digest) = (host.runtime.clone(), self.digest.clone());
        let compile = move || {
            let unaltered = hex::encode(Sha256::digest(&wasm)) == digest;
            unaltered.then(|| runtime.compile_modifier(&wasm, &digest))
        };
        let compiled = blocking(compile).await?;
        let compiled = compiled.ok_or_else(|| unusable("its component was changed in the database"))?;
        compiled.map_err(|error| unusable(&error.to_string()))
    }
}

/// Runs what takes long off the executor's threads.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "the work on a component ended abnormally");
        Fault::new(Code::Internal, Culprit::Host, "the work on a component ended abnormally; the log says more")
    })
}
