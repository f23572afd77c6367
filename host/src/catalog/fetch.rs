//! Fetches a document from where its author publishes it: through the one way out, from public addresses only.

use std::time::Duration;

use super::CatalogError;
use crate::egress::{Egress, Grant, Request};
use crate::model::Effect;

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
