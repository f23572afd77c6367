//! Declared connectors: a document becomes tools, in the sandbox, and those a connector that the generic one runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::difference::difference;
use super::generic::{Kind, Loaded};
use super::made::{Made, make, options, write};
use super::offer_difference::offer_difference;
use super::operations::{by_operation, operations, remembered};
use super::take_over::{of_server, server_news, shown_to_others};
use super::upstream::{Found, News, Upstream, Whose};
use super::{Catalog, CatalogError, Difference, Generic, Installed, fetch, manifest, tool_text};
use crate::egress::Egress;
use crate::model::{By, Connector, Import, ProjectId, Tool};
use crate::runtime::Runtime;
use crate::store::{Asking, ConnectorRow, DeclarationRow, ServerNews, Store, StoreError};

/// The prefix of tools in a preview for which nobody gave a name.
const PREVIEWED: &str = "api";

pub(super) const NO_DOCUMENT: &str = "give a `document` or its `url`";

/// What an import needs of its host.
#[derive(Clone, Copy, Debug)]
pub struct Importing<'a> {
    /// What is installed.
    pub catalog: &'a Catalog,
    /// All rows.
    pub store: &'a Store,
    /// Runs the importer.
    pub runtime: &'a Runtime,
    /// Fetches documents.
    pub egress: &'a Egress,
    /// The importer.
    pub generic: &'a Generic,
}

/// What is to be imported.
#[derive(Debug)]
pub struct Asked {
    /// The document.
    pub document: Document,
    /// What the operator says of it. The importer refuses what it does not know.
    pub options: Map<String, Value>,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
}

/// Where a document comes from.
#[derive(Debug)]
pub enum Document {
    /// It was given.
    Text(String),
    /// It is fetched.
    Url(String),
    /// It was fetched, from there.
    Fetched {
        /// The document.
        text: String,
        /// Where it came from.
        url: String,
    },
    /// Where it came from before: fetched again if it was fetched, otherwise as it is stored.
    Same,
}

/// What a document becomes, or would.
#[derive(Debug)]
pub struct Preview {
    /// What its manifest says, or would say.
    pub connector: Connector,
    /// The tools, with what the document calls their operations.
    pub tools: Vec<(String, Tool)>,
    /// Operations that are no tools, and why.
    pub skipped: Vec<(String, String)>,
    /// How many operations the options left out.
    pub filtered: u32,
    /// What was bent, so that the document could be used.
    pub warnings: Vec<String>,
}

/// What became of an import.
#[derive(Debug)]
pub struct Declared {
    /// What is on offer now, or would be.
    pub preview: Preview,
    /// Whether there was no connector of this name before.
    pub created: bool,
    /// What is different from before.
    pub difference: Difference,
    /// What an MCP server has changed, and nobody has accepted yet.
    pub held: Option<Held>,
}

/// What waits for an operator.
#[derive(Debug)]
pub struct Held {
    /// SHA-256 of the tools as the server has them now, in hex: what an operator accepts.
    pub digest: String,
    /// What would be different.
    pub difference: Difference,
}

/// Shows what would come of a document. Nothing is stored.
///
/// # Errors
/// [`CatalogError::Document`] with what is wrong with it, and those of fetching and of the host.
pub async fn preview(parts: Importing<'_>, name: Option<&str>, asked: Asked) -> Result<Preview, CatalogError> {
    let name = name.unwrap_or(PREVIEWED);
    let (text, url) = match asked.document {
        Document::Text(text) => (text, None),
        Document::Url(url) => (fetch::document(parts.egress, &url).await?, Some(url)),
        Document::Fetched { text, url } => (text, Some(url)),
        Document::Same => return Err(CatalogError::Document(NO_DOCUMENT.into())),
    };
    if let Some(upstream) = Upstream::read(&text)? {
        let options = options(name, &asked.options, None, &[])?;
        let found = upstream.found(parts, None, News::None, &BTreeSet::new()).await?;
        let loaded = parts.generic.loaded(parts.runtime, Kind::Server).await?;
        let described = upstream.described(&found);
        return Ok(make(parts, loaded, name, &described, &options, upstream.whose()).await?.preview);
    }
    let loaded = parts.generic.loaded(parts.runtime, Kind::Document).await?;
    let options = options(name, &asked.options, url.as_deref(), &[])?;
    let made = make(parts, loaded, name, &text, &options, Whose::Connector).await?;
    Ok(made.preview)
}

/// Puts what a document becomes in the place of the declared connector of this name, or makes it. Its tools are live when
/// this returns.
///
/// # Errors
/// Those of [`preview`]; [`CatalogError::Conflict`] if the name is a component's, or a tool's name another connector's.
pub async fn declare(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    asked: Asked,
) -> Result<Declared, CatalogError> {
    check_name(name)?;
    let before = parts.store.find_declaration(project, name).await?;
    import(parts, by, project, name, asked, (before, News::None)).await
}

/// Imports a declared connector again: with another document, or other options than before, or both. What is not said
/// anew stays.
///
/// # Errors
/// Those of [`declare`]; [`CatalogError::NotFound`] if there is no declared connector of this name.
pub async fn import_again(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    asked: Asked,
) -> Result<Declared, CatalogError> {
    let Some(before) = parts.store.find_declaration(project, name).await? else {
        return Err(CatalogError::NotFound(format!("there is no connector `{name}` that was made of a document")));
    };
    let mut options: Map<String, Value> = serde_json::from_str(&before.options).unwrap_or_default();
    options.extend(asked.options);
    // Null takes back what was said before.
    options.retain(|_, value| !value.is_null());
    import(parts, by, project, name, Asked { options, ..asked }, (Some(before), News::None)).await
}

pub(super) async fn import(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    asked: Asked,
    before: (Option<DeclarationRow>, News),
) -> Result<Declared, CatalogError> {
    let dry_run = asked.dry_run;
    let ready = make_ready(parts, by, project, name, asked, before).await?;
    if dry_run { Ok(ready.declared()) } else { finish(parts, by, ready).await }
}

/// A declared connector that is made, and not stored yet.
#[derive(Debug)]
pub struct Ready {
    kind: Kind,
    made: Made,
    declaration: DeclarationRow,
    document: String,
    created: bool,
    difference: Difference,
    held: Option<Held>,
    news: ServerNews,
}

impl Ready {
    fn declared(self) -> Declared {
        let Self { made, created, difference, held, .. } = self;
        Declared { preview: made.preview, created, difference, held }
    }
}

/// Does of [`declare`] what takes long, and stores nothing: [`finish`] does.
///
/// # Errors
/// Those of [`declare`].
pub async fn ready(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    asked: Asked,
) -> Result<Ready, CatalogError> {
    check_name(name)?;
    let before = parts.store.find_declaration(project, name).await?;
    make_ready(parts, by, project, name, asked, (before, News::None)).await
}

/// Stores what is ready; its tools are live when this returns.
///
/// # Errors
/// Those of [`declare`].
pub async fn finish(parts: Importing<'_>, by: &By, ready: Ready) -> Result<Declared, CatalogError> {
    let loaded = parts.generic.loaded(parts.runtime, ready.kind).await?;
    store(parts, by, loaded, &ready).await?;
    Ok(ready.declared())
}

async fn make_ready(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    asked: Asked,
    (before, news): (Option<DeclarationRow>, News),
) -> Result<Ready, CatalogError> {
    let row = parts.store.find_connector(project, name).await?;
    if row.is_some() && before.is_none() {
        let detail = format!("connector `{name}` is a component: choose another name, or remove it first");
        return Err(CatalogError::Conflict(detail));
    }
    let (document, url) = fetch::text(parts, project, name, &asked.document, before.as_ref()).await?;
    let known = before.as_ref().map(operations).unwrap_or_default();
    let known = (name, &asked.options, &known[..]);
    let (kind, made, found, held, news) = match Upstream::read(&document)? {
        Some(upstream) => {
            let was = before.as_ref().and_then(|before| Found::read(before.found.as_deref()?));
            let looked = !matches!(news, News::None);
            let others = shown_to_others(parts, (project, name), &upstream, &news).await?;
            let found = upstream.found(parts, was.clone(), news, &others).await?;
            let (made, held) = of_server(parts, known, &upstream, &found).await?;
            let news = server_news(&upstream, (was.as_ref(), &found), held.as_ref(), looked)?;
            (Kind::Server, made, Some(found.written()), held, news)
        }
        None if matches!(news, News::None) => {
            let loaded = parts.generic.loaded(parts.runtime, Kind::Document).await?;
            let options = options(name, &asked.options, url.as_deref(), known.2)?;
            let made = make(parts, loaded, name, &document, &options, Whose::Connector).await?;
            (Kind::Document, made, None, None, ServerNews { held: None, asking: Asking::Forgotten })
        }
        None => {
            let detail = format!("connector `{name}` is not made of an MCP server");
            return Err(CatalogError::NotFound(detail));
        }
    };
    let old = row.as_ref().and_then(|row| tool_text::read(&row.tools)).unwrap_or_default();
    let difference = difference(&by_operation(known.2, old), &made.preview.tools.iter().cloned().collect());
    let old = row.as_ref().and_then(|row| manifest::parse(&row.manifest).ok());
    let difference = Difference { offers: offer_difference(old.as_ref(), &made.preview.connector), ..difference };
    let declaration = DeclarationRow {
        project: project.clone(),
        name: name.to_owned(),
        url,
        options: Value::Object(asked.options.clone()).to_string(),
        operations: serde_json::to_string(&remembered(known.2, &made.preview.tools, by.at))
            .map_err(|error| CatalogError::Document(error.to_string()))?,
        found,
        imported_at: by.at,
        revision: before.as_ref().and_then(|before| before.revision),
    };
    Ok(Ready { kind, made, declaration, document, created: row.is_none(), difference, held, news })
}

fn check_name(name: &str) -> Result<(), CatalogError> {
    if manifest::is_connector_name(name) {
        return Ok(());
    }
    Err(CatalogError::Document(format!(
        "`{name}` cannot be a connector's name: it has lower-case letters, digits and `_`, a letter first, at most 32"
    )))
}

async fn store(
    parts: Importing<'_>,
    by: &By,
    loaded: &Loaded,
    Ready { made, declaration, document, news, .. }: &Ready,
) -> Result<(), CatalogError> {
    let Preview { connector, tools, .. } = &made.preview;
    let granted = BTreeSet::from([Import::Http]);
    let row = ConnectorRow {
        project: declaration.project.clone(),
        name: declaration.name.clone(),
        version: connector.version.clone(),
        digest: loaded.digest.clone(),
        manifest: made.manifest.clone(),
        tools: write(tools)?,
        imports: granted.iter().map(|import| import.as_str().to_owned()).collect(),
        installed_at: by.at,
    };
    let plugin = parts.runtime.link(&loaded.compiled, &granted)?;
    let tools = tools.iter().map(|(_, tool)| tool.clone()).collect();
    let installed = Arc::new(Installed::new(connector.clone(), row.digest.clone(), granted, tools, by.at));
    parts.catalog.catch_up(parts.store).await?;
    if let Some(conflict) = parts.catalog.taken(&row.project, &installed) {
        return Err(CatalogError::Conflict(conflict));
    }
    installed.set_plugin(plugin);
    let stored = parts.store.declare_connector(by, &row, &loaded.wasm, declaration, document, news).await;
    stored.map_err(|error| match error {
        StoreError::Conflict(detail) => CatalogError::Conflict(detail),
        error => CatalogError::Store(error),
    })?;
    parts.catalog.put(&row.project, installed);
    Ok(())
}
