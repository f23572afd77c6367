//! Takes a component from bytes to tools on offer: read, compiled, asked once, checked, stored, live.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Catalog, CatalogError, Installed, manifest, section, tool_text};
use crate::model::{By, Connector, Effect, Import, ProjectId, Tool};
use crate::runtime::Runtime;
use crate::store::{ConnectorRow, Store, StoreError};

/// What became of an installation.
#[derive(Debug)]
pub struct Installation {
    /// What is on offer now.
    pub installed: Arc<Installed>,
    /// Whether it was not there before.
    pub created: bool,
}

/// Installs a component for a project; its tools are live when this returns.
///
/// `granted` narrows the imports that its manifest asks for; `None` grants them all. The bytes that are checked
/// are the bytes that are stored and the bytes that run (lesson 12). Installing the same bytes again changes
/// nothing; other bytes under the same version are a conflict.
pub async fn install(
    catalog: &Catalog,
    store: &Store,
    runtime: &Runtime,
    by: &By,
    project: &ProjectId,
    wasm: Bytes,
    granted: Option<BTreeSet<Import>>,
) -> Result<Installation, CatalogError> {
    let digest = hex::encode(Sha256::digest(&wasm));
    let (component, digest_of, compiler) = (wasm.clone(), digest.clone(), runtime.clone());
    let (manifest_text, compiled) = blocking(move || {
        let compiled = compiler.compile(&component, &digest_of)?;
        Ok((section::manifest_text(&component)?.to_owned(), compiled))
    })
    .await?;
    let connector = manifest::parse(&manifest_text)?;
    let granted = granted_imports(&connector, granted)?;
    let plugin = runtime.link(&compiled, &granted)?;
    let tools = runtime.describe(&compiled).await?;
    let row = ConnectorRow {
        project: project.clone(),
        name: connector.name.clone(),
        version: connector.version.clone(),
        digest: digest.clone(),
        manifest: manifest_text,
        tools: tool_text::write(&tools).map_err(|error| CatalogError::NotAConnector(error.to_string()))?,
        imports: granted.iter().map(|import| import.as_str().to_owned()).collect(),
        installed_at: by.at,
    };
    let installed = Arc::new(Installed::new(connector, digest, granted, tools, row.installed_at));
    check(&installed)?;
    catalog.catch_up(store).await?;
    if let Some(conflict) = catalog.taken(project, &installed) {
        return Err(CatalogError::Conflict(conflict));
    }
    installed.set_plugin(plugin);
    let created = store.install_connector(by, &row, &wasm).await.map_err(|error| conflict(error, &row))?;
    catalog.put(project, Arc::clone(&installed));
    Ok(Installation { installed, created })
}

/// Compiles a component ahead of [`install`], which then finds the code, and gives its digest.
///
/// # Errors
/// Those of [`install`] that are about the bytes.
pub async fn compile_ahead(runtime: &Runtime, wasm: Bytes) -> Result<String, CatalogError> {
    let compiler = runtime.clone();
    blocking(move || {
        let digest = hex::encode(Sha256::digest(&wasm));
        compiler.compile(&wasm, &digest)?;
        Ok(digest)
    })
    .await
}

/// Removes a connector, with its tools; a conflict while connections use it. `false` if there is none.
pub async fn remove(
    catalog: &Catalog,
    store: &Store,
    by: &By,
    project: &ProjectId,
    name: &str,
) -> Result<bool, CatalogError> {
    let removed = store.delete_connector(by, project, name).await.map_err(|error| match error {
        StoreError::Conflict(_) => {
            CatalogError::Conflict(format!("connections use connector `{name}`: delete them first"))
        }
        error => CatalogError::Store(error),
    })?;
    catalog.take_out(project, name);
    Ok(removed)
}

/// Runs what takes long, and no I/O of tokio's, off the executor's threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CatalogError> + Send + 'static,
) -> Result<T, CatalogError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(CatalogError::Unfinished(error.to_string())),
    }
}

fn conflict(error: StoreError, row: &ConnectorRow) -> CatalogError {
    if matches!(error, StoreError::Conflict(_)) {
        return CatalogError::Conflict(format!(
            "{} {} is installed with other contents, or made of a document: give the new one a new version or name",
            row.name, row.version
        ));
    }
    CatalogError::Store(error)
}

fn granted_imports(connector: &Connector, granted: Option<BTreeSet<Import>>) -> Result<BTreeSet<Import>, CatalogError> {
    let wanted: BTreeSet<Import> = connector.imports.iter().copied().collect();
    match granted {
        None => Ok(wanted),
        Some(granted) => match granted.difference(&wanted).next() {
            None => Ok(granted),
            Some(extra) => Err(CatalogError::NotAConnector(format!(
                "import `{}` was granted, but its manifest does not ask for it",
                extra.as_str()
            ))),
        },
    }
}

/// What the component says of itself must agree with its manifest.
fn check(installed: &Installed) -> Result<(), CatalogError> {
    let connector = &installed.connector;
    for tool in &installed.tools {
        let name = &tool.tool.name;
        let reject = |reason: String| Err(CatalogError::NotAConnector(format!("tool `{name}`: {reason}")));
        if let Err(reason) = check_place(connector, &tool.tool) {
            return reject(reason);
        }
        if let Err(reason) = tool.validator() {
            return reject(format!("input schema: {reason}"));
        }
        if let Some(Err(reason)) = tool.output_validator() {
            return reject(format!("output schema: {reason}"));
        }
    }
    check_offers(installed)?;
    check_test(installed)
}

/// What gets prompts and resources is a tool of the connector's own, and only reads: a person who chooses one changes nothing.
fn check_offers(installed: &Installed) -> Result<(), CatalogError> {
    let Connector { prompts, resources, .. } = &installed.connector;
    let prompts = prompts.as_ref().map(|prompts| ("prompts", &prompts.tool));
    for (what, name) in prompts.into_iter().chain(resources.as_ref().map(|resources| ("resources", &resources.tool))) {
        let tool = installed.own_tools().find(|tool| tool.tool.name == *name).map(|tool| &tool.tool);
        check_getter(tool).map_err(|reason| CatalogError::NotAConnector(format!("{what}: `{name}`: {reason}")))?;
    }
    Ok(())
}

/// Whether a tool may get prompts or resources.
pub(super) fn check_getter(tool: Option<&Tool>) -> Result<(), String> {
    match tool {
        None => Err("there is no such tool".into()),
        Some(tool) if tool.effect != Effect::Read => Err("what gets them must only read".into()),
        Some(_) => Ok(()),
    }
}

/// A tool has its connector's name before its own, and goes where its manifest says.
pub(super) fn check_place(connector: &Connector, tool: &Tool) -> Result<(), String> {
    let prefix = format!("{}_", connector.name);
    if !tool.name.starts_with(&prefix) {
        return Err(format!("its name must begin with `{prefix}`"));
    }
    let mut hosts = tool.routes.iter().filter_map(|route| route.host.as_ref());
    match hosts.find(|host| !connector.hosts.contains(&host.to_string())) {
        Some(host) => Err(format!("its route goes to `{host}`, which the manifest does not name")),
        None => Ok(()),
    }
}

fn check_test(installed: &Installed) -> Result<(), CatalogError> {
    let Some(test) = &installed.connector.test else { return Ok(()) };
    let reject = |reason: String| Err(CatalogError::NotAConnector(format!("test call `{}`: {reason}", test.tool)));
    let Some(tool) = installed.tools.iter().find(|tool| tool.tool.name == test.tool) else {
        return reject("there is no such tool".into());
    };
    if tool.tool.effect != Effect::Read {
        return reject("a test call must only read".into());
    }
    match tool.check_input(&test.input) {
        Ok(()) => Ok(()),
        Err(errors) => reject(format!("its input does not satisfy the schema: {errors:?}")),
    }
}
