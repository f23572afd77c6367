//! What this host is to providers with which nobody registered it.

use serde_json::Value;

use super::{page, redirect_uri};
use crate::call::Host;
use crate::oauth::{self, OwnClient};

/// Bytes of a connector's name.
const MAX_CONNECTOR: usize = 32;

/// The client of one connector; `None` if there can be no such connector.
pub(super) fn own_client(host: &Host, connector: &str) -> Option<OwnClient> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if connector.is_empty() || connector.len() > MAX_CONNECTOR || !connector.chars().all(is_name) {
        return None;
    }
    // A document that providers cannot read describes nobody.
    let public = host.public_url.scheme() == "https";
    let document = public.then(|| page(&host.public_url, &["oauth", "client", connector]).into());
    Some(OwnClient { redirect_uri: redirect_uri(host, connector), document })
}

/// The document that describes it, for authorization servers that know a client by its address.
pub fn client_document(host: &Host, connector: &str) -> Option<Value> {
    let own = own_client(host, connector)?;
    let mut document = oauth::described(&own.redirect_uri, "none");
    document["client_id"] = own.document.map_or(Value::Null, Value::from);
    Some(document)
}
