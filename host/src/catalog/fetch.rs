//! Fetches a document from where its author publishes it: through the one way out, from public addresses only.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::CatalogError;
use crate::egress::{Egress, Grant, GrantState, Injection, Request};
use crate::model::{Effect, HostPattern, PathTemplate, Route};

/// Time for a document: 13 MB over a slow line, as long as an operator waits.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What documents are asked for: those who publish both know what is meant.
const ACCEPTED: &str = "application/json, application/yaml;q=0.9, text/yaml;q=0.9, */*;q=0.5";

/// The text at a URL. No credential goes along, and no redirect is followed: a document comes from where its operator said.
pub(super) async fn document(egress: &Egress, url: &str) -> Result<String, CatalogError> {
    let failed = CatalogError::Fetch;
    let url = Url::parse(url).map_err(|_| failed("it is not a URL".into()))?;
    let headers = vec![("accept".to_owned(), ACCEPTED.to_owned())];
    let request = Request { method: "GET".into(), target: url.to_string(), headers, ..Request::default() };
    let grant = grant(url).ok_or_else(|| failed("its URL has no usable host".into()))?;
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

/// The right to get this URL, and nothing else.
fn grant(url: Url) -> Option<Grant> {
    let host = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
    let host = HostPattern::parse(&host).ok()?;
    let (method, path) = ("GET".to_owned(), PathTemplate::exactly(url.path()));
    let route = Route { method, host: None, path, effect: Effect::Read };
    let state = GrantState::new();
    state.follow_no_redirects();
    state.take_documents();
    // Routes without a host hold what is left of a path below the base.
    let mut base_url = url;
    base_url.set_path("/");
    Some(Grant {
        account: None,
        base_url,
        hosts: vec![host],
        routes: Arc::new([route]),
        injection: Injection::None,
        idempotency: None,
        timeout: TIMEOUT,
        state,
    })
}
