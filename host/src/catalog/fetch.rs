//! Fetches a document from where its author publishes it: through the one way out, from public addresses only.

use std::time::Duration;

use super::CatalogError;
use super::declare::{Document, Importing, NO_DOCUMENT};
use crate::egress::{Egress, Grant, Request};
use crate::model::{Effect, ProjectId};
use crate::store::DeclarationRow;

/// Time for a document: 13 MB over a slow line, as long as an operator waits.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What documents are asked for: those who publish both know what is meant.
const ACCEPTED: &str = "application/json, application/yaml;q=0.9, text/yaml;q=0.9, */*;q=0.5";

/// The text at a URL. No credential goes along, and no redirect is followed: a document comes from where its operator said.
///
/// # Errors
/// [`CatalogError::Fetch`] with what came instead.
pub async fn document(egress: &Egress, url: &str) -> Result<String, CatalogError> {
    let failed = CatalogError::Fetch;
    let headers = vec![("accept".to_owned(), ACCEPTED.to_owned())];
    let request = Request { method: "GET".into(), target: url.to_owned(), headers, ..Request::default() };
    let grant = Grant::to(url, "GET", Effect::Read, TIMEOUT).map_err(|error| failed(error.to_string()))?;
    grant.state.take_documents();
    let answer = egress.send(&grant, request).await.map_err(|error| failed(error.to_string()))?;
    if let Some((_, location)) = answer.headers.iter().find(|(name, _)| name == "location") {
        return Err(failed(format!("it is elsewhere, at {location}: give that URL")));
    }
    if answer.status != 200 {
        return Err(failed(format!("its server answers {}", answer.status)));
    }
    if answer.truncated {
        return Err(failed("it is longer than this host takes".into()));
    }
    String::from_utf8(answer.body.to_vec()).map_err(|_| failed("it is not text in UTF-8".into()))
}

/// The document, and where it was fetched.
pub(super) async fn text(
    parts: Importing<'_>,
    project: &ProjectId,
    name: &str,
    document: &Document,
    before: Option<&DeclarationRow>,
) -> Result<(String, Option<String>), CatalogError> {
    match (document, before.and_then(|before| before.url.as_deref())) {
        (Document::Text(text), _) => Ok((text.clone(), None)),
        (Document::Fetched { text, url }, _) => Ok((text.clone(), Some(url.clone()))),
        (Document::Url(url), _) => Ok((self::document(parts.egress, url).await?, Some(url.clone()))),
        (Document::Same, Some(url)) => Ok((self::document(parts.egress, url).await?, Some(url.to_owned()))),
        (Document::Same, None) => match parts.store.declared_document(project, name).await? {
            Some(text) => Ok((text, None)),
            None => Err(CatalogError::Document(NO_DOCUMENT.into())),
        },
    }
}
