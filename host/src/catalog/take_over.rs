//! What an MCP server has now is put to what an operator took over: by an operator who asked or accepts, or by the host.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};

use super::CatalogError;
use super::declare::{Asked, Declared, Document, Held, Importing, import};
use super::difference::{Difference, difference};
use super::generic::Kind;
use super::made::{Made, make, options};
use super::offer_difference::offer_difference;
use super::operations::Operation;
use super::upstream::{Found, News, Upstream, Whose};
use crate::model::{By, ProjectId};
use crate::store::{Asking, HeldTools, ServerNews};

/// How often news of a server is put to what others change meanwhile: people do not change a connector that fast.
const TRIES: usize = 3;

/// How a connector's server is asked by the host itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// How long a list is fresh where the server does not say; `None` where the host does not ask.
    pub period: Option<Duration>,
    /// Whether an operator took any of its tools over.
    pub is_pinned: bool,
    /// Whether each account has its own list.
    pub of_accounts: bool,
}

/// How the server that a connector is made of is asked; `None` if it is not made of one.
///
/// # Errors
/// Those of the database, and of a declaration that cannot be read.
pub async fn upkeep(parts: Importing<'_>, project: &ProjectId, name: &str) -> Result<Option<Upkeep>, CatalogError> {
    let Some((upstream, found)) = stored(parts, project, name).await? else { return Ok(None) };
    let is_pinned = found.is_some_and(|found| found.is_pinned() && upstream.is_at(&found));
    Ok(Some(Upkeep { period: upstream.period()?, is_pinned, of_accounts: upstream.whose() == Whose::Account }))
}

/// Takes over what is new of the MCP server that a connector is made of: what was found there, or what an operator accepts
/// of it. Without a `dry_run` its tools are live when this returns.
///
/// # Errors
/// Those of [`declare`]; [`CatalogError::NotFound`] if there is no connector of this name that is made of a server.
pub async fn take_over(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    news: News,
    dry_run: bool,
) -> Result<Declared, CatalogError> {
    let mut tries = 1;
    loop {
        let Some(before) = parts.store.find_declaration(project, name).await? else {
            return Err(CatalogError::NotFound(format!(
                "there is no connector `{name}` that was made of an MCP server"
            )));
        };
        let options = serde_json::from_str(&before.options).unwrap_or_default();
        let asked = Asked { document: Document::Same, options, dry_run };
        let revision = before.revision;
        let done = import(parts, by, project, name, asked, (Some(before), news.clone())).await;
        // What somebody else said meanwhile stays, and the news is put to it.
        let changed = match &done {
            Err(CatalogError::Conflict(_)) => {
                let now = parts.store.find_declaration(project, name).await?;
                now.is_some_and(|now| now.revision != revision)
            }
            _ => false,
        };
        if !changed || tries >= TRIES {
            return done;
        }
        tries += 1;
    }
}

/// Takes over what the host found by itself, if it is anything new; `None` if it is what was found before.
///
/// # Errors
/// Those of [`take_over`]; [`CatalogError::Conflict`] too if no operator took anything over.
pub async fn refresh(
    parts: Importing<'_>,
    by: &By,
    project: &ProjectId,
    name: &str,
    news: News,
) -> Result<Option<Declared>, CatalogError> {
    if let Some((upstream, before)) = stored(parts, project, name).await? {
        let others = shown_to_others(parts, (project, name), &upstream, &news).await?;
        let now = upstream.found(parts, before.clone(), news.clone(), &others).await?;
        if before.is_some_and(|before| before == now) {
            return Ok(None);
        }
    }
    take_over(parts, by, project, name, news, false).await.map(Some)
}

/// What a server shows with any account, where that decides what is gone.
pub(super) async fn shown_to_others(
    parts: Importing<'_>,
    (project, name): (&ProjectId, &str),
    upstream: &Upstream,
    news: &News,
) -> Result<BTreeSet<String>, CatalogError> {
    match (upstream.whose(), news) {
        (Whose::Account, News::Found(_) | News::FoundAgain(_)) => Ok(parts.store.shown_to_any(project, name).await?),
        _ => Ok(BTreeSet::new()),
    }
}

/// The declaration of a server, and what was found there.
async fn stored(
    parts: Importing<'_>,
    project: &ProjectId,
    name: &str,
) -> Result<Option<(Upstream, Option<Found>)>, CatalogError> {
    let Some(declaration) = parts.store.find_declaration(project, name).await? else { return Ok(None) };
    let Some(document) = parts.store.declared_document(project, name).await? else { return Ok(None) };
    let found = declaration.found.as_deref().and_then(Found::read);
    Ok(Upstream::read(&document)?.map(|upstream| (upstream, found)))
}

/// Makes a connector of what was taken over of a server, and compares it with what waits.
pub(super) async fn of_server(
    parts: Importing<'_>,
    (name, said, known): (&str, &Map<String, Value>, &[Operation]),
    upstream: &Upstream,
    found: &Found,
) -> Result<(Made, Option<Held>), CatalogError> {
    let loaded = parts.generic.loaded(parts.runtime, Kind::Server).await?;
    let options = options(name, said, None, known)?;
    let made = make(parts, loaded, name, &upstream.described(found), &options, upstream.whose()).await?;
    let Some((digest, accepted)) = found.if_accepted() else { return Ok((made, None)) };
    let other = make(parts, loaded, name, &upstream.described(&accepted), &options, upstream.whose()).await?;
    let [is, would] = [&made, &other].map(|made| made.preview.tools.iter().cloned().collect());
    let offers = offer_difference(Some(&made.preview.connector), &other.preview.connector);
    let difference = Difference { offers, ..difference(&is, &would) };
    Ok((made, Some(Held { digest, difference })))
}

/// What is told of a server, and how it is asked from now on. `looked` says that somebody asked it, or accepts what was found.
pub(super) fn server_news(
    upstream: &Upstream,
    (before, now): (Option<&Found>, &Found),
    held: Option<&Held>,
    looked: bool,
) -> Result<ServerNews, CatalogError> {
    let count = |list: usize| u64::try_from(list).unwrap_or(u64::MAX);
    let waited = before.and_then(Found::waiting);
    let held = held.filter(|held| waited.as_ref() != Some(&held.digest)).map(|held| HeldTools {
        digest: held.digest.clone(),
        added: count(held.difference.added.len()),
        changed: count(held.difference.changed.len()),
    });
    let asking = match upstream.period()? {
        _ if looked => Asking::AsItIs,
        _ if !now.is_pinned() => Asking::Forgotten,
        // With whose accounts it is asked is not what it was.
        _ if before.is_some_and(|before| before.whose() != now.whose()) => Asking::Forgotten,
        None => Asking::Never,
        Some(period) => Asking::Every(i64::try_from(period.as_millis()).unwrap_or(i64::MAX)),
    };
    Ok(ServerNews { held, asking })
}
