//! One installed connector version: its facts, its tools, and its code once something calls it.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use jsonschema::Validator;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::search::SearchText;
use super::{CatalogError, DISCOVERY, manifest, proxy, tool_text, validation};
use crate::model::{Connector, Import, InputError, Route, Timestamp, Tool};
use crate::runtime::{Plugin, Runtime};
use crate::store::{ConnectorRow, Store};

/// One installed connector version.
#[derive(Debug)]
pub struct Installed {
    /// What its manifest says.
    pub connector: Connector,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The imports that it is linked with.
    pub granted: BTreeSet<Import>,
    /// Its tools, in the order that it gave, and after them its proxies.
    pub tools: Vec<InstalledTool>,
    /// When it was installed.
    pub installed_at: Timestamp,
    plugin: OnceCell<Plugin>,
}

/// A tool, with what each call needs of it ready.
#[derive(Debug)]
pub struct InstalledTool {
    /// What the connector said of it.
    pub tool: Tool,
    /// Its routes, shared with the grants of its calls.
    pub routes: Arc<[Route]>,
    /// Whether it sends what the caller wrote, by the generic connector, through connections that allow it.
    pub is_proxy: bool,
    validator: OnceLock<Result<Validator, String>>,
    /// `None` inside where the tool promises nothing of its output.
    output_validator: OnceLock<Option<Result<Validator, String>>>,
    search_text: OnceLock<SearchText>,
}

impl InstalledTool {
    pub(super) fn new(tool: Tool) -> Self {
        let (validator, output_validator, search_text) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { routes: tool.routes.as_slice().into(), is_proxy: false, tool, validator, output_validator, search_text }
    }

    pub(super) fn into_proxy(self) -> Self {
        Self { is_proxy: true, ..self }
    }

    /// Compiles the input schema, or says what is wrong with it.
    pub(super) fn validator(&self) -> Result<&Validator, &str> {
        self.validator.get_or_init(|| validation::compile(&self.tool.input_schema)).as_ref().map_err(String::as_str)
    }

    /// Compiles the output schema, if there is one, or says what is wrong with it.
    pub(super) fn output_validator(&self) -> Option<Result<&Validator, &str>> {
        let compile = || self.tool.output_schema.as_deref().map(validation::compile_output);
        let compiled = self.output_validator.get_or_init(compile).as_ref()?;
        Some(compiled.as_ref().map_err(String::as_str))
    }

    pub(super) fn search_text(&self, installed: &Installed) -> &SearchText {
        self.search_text.get_or_init(|| SearchText::of(installed, self))
    }

    /// Checks an input (JSON text) and lists every error.
    pub fn check_input(&self, input: &str) -> Result<(), Vec<InputError>> {
        validation::check(self.validator().map_err(unusable)?, input)
    }

    /// Checks an output (JSON text) against what the tool promises, if it promises anything, and lists every error.
    pub fn check_output(&self, output: &str) -> Result<(), Vec<InputError>> {
        match self.output_validator() {
            Some(validator) => validation::check(validator.map_err(unusable)?, output),
            None => Ok(()),
        }
    }
}

impl Installed {
    pub(super) fn new(
        connector: Connector,
        digest: String,
        granted: BTreeSet<Import>,
        tools: Vec<Tool>,
        installed_at: Timestamp,
    ) -> Self {
        let mut tools: Vec<InstalledTool> = tools.into_iter().map(InstalledTool::new).collect();
        tools.extend(proxy::tools(&connector, &tools));
        Self { connector, digest, granted, tools, installed_at, plugin: OnceCell::new() }
    }

    /// Reads a stored row; the reason if this host cannot.
    pub(super) fn from_row(row: &ConnectorRow) -> Result<Self, CatalogError> {
        let connector = manifest::parse(&row.manifest)?;
        let tools = tool_text::read(&row.tools)
            .ok_or_else(|| CatalogError::NotAConnector("its stored tools cannot be read: install it again".into()))?;
        let granted = row.imports.iter().filter_map(|name| Import::parse(name)).collect();
        Ok(Self::new(connector, row.digest.clone(), granted, tools, row.installed_at))
    }

    /// Whether it is what this row says.
    pub(super) fn is_of(&self, row: &ConnectorRow) -> bool {
        let granted: BTreeSet<_> = row.imports.iter().filter_map(|name| Import::parse(name)).collect();
        (self.digest.as_str(), self.connector.version.as_str()) == (row.digest.as_str(), row.version.as_str())
            && self.granted == granted
    }

    /// Whether it is made of an MCP server.
    pub fn is_of_server(&self) -> bool {
        let name = &self.connector.name;
        self.connector.test.as_ref().is_some_and(|test| test.tool.strip_suffix(DISCOVERY) == Some(name))
    }

    /// Whether each account has its own part of its tools.
    pub fn is_of_accounts(&self) -> bool {
        self.tools.iter().any(|tool| tool.tool.shown_as.is_some())
    }

    /// The tools that it gave.
    pub fn own_tools(&self) -> impl Iterator<Item = &InstalledTool> {
        self.tools.iter().filter(|tool| !tool.is_proxy)
    }

    /// The proxy that sends requests with this method, in capitals. A tool of its own that only has a proxy's name is none.
    pub fn proxy(&self, method: &str) -> Option<&InstalledTool> {
        let sends = |tool: &InstalledTool| tool.routes.iter().any(|route| route.method == method);
        self.tools.iter().find(|tool| tool.is_proxy && sends(tool))
    }

    pub(super) fn set_plugin(&self, plugin: Plugin) {
        // Losing a race to another initialiser is fine: both linked the same bytes.
        let _ = self.plugin.set(plugin);
    }

    /// Whether its code is loaded.
    pub fn is_loaded(&self) -> bool {
        self.plugin.initialized()
    }

    /// Its code: loaded from the compiled artifacts, or compiled, the first time that it is asked for.
    pub async fn plugin(&self, runtime: &Runtime, store: &Store) -> Result<&Plugin, CatalogError> {
        self.plugin.get_or_try_init(|| self.load(runtime, store)).await
    }

    async fn load(&self, runtime: &Runtime, store: &Store) -> Result<Plugin, CatalogError> {
        if let Some(plugin) = self.load_compiled(runtime).await? {
            return Ok(plugin);
        }
        // Megabytes, and for nothing as long as the compiled artifact is there.
        let wasm = store.component(&self.digest).await?.ok_or_else(|| CatalogError::Missing(self.digest.clone()))?;
        let (runtime, digest, granted) = (runtime.clone(), self.digest.clone(), self.granted.clone());
        super::install::blocking(move || {
            if hex::encode(Sha256::digest(&wasm)) != digest {
                return Err(CatalogError::Altered(digest));
            }
            let compiled = runtime.compile(&wasm, &digest)?;
            Ok(runtime.link(&compiled, &granted)?)
        })
        .await
    }

    async fn load_compiled(&self, runtime: &Runtime) -> Result<Option<Plugin>, CatalogError> {
        let (runtime, digest, granted) = (runtime.clone(), self.digest.clone(), self.granted.clone());
        super::install::blocking(move || match runtime.cached(&digest) {
            Some(compiled) => Ok(Some(runtime.link(&compiled?, &granted)?)),
            None => Ok(None),
        })
        .await
    }
}

fn unusable(reason: &str) -> Vec<InputError> {
    vec![InputError { path: String::new(), message: format!("the tool's schema cannot be used: {reason}") }]
}
