//! MCP servers as connectors: where one is, what was found there, and what of that an operator has accepted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::declare::Importing;
use super::upstream_offers::Offers;
use super::{CatalogError, authorization};

/// The end of the name of the tool with which a server is asked for its tools; the connector's name is before it.
pub const DISCOVERY: &str = "_mcp_discover";

/// The member that makes a document the declaration of a server.
const MEMBER: &str = "mcp";

/// Where a server is, and what an operator says of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upstream {
    /// Where requests go; `{{field}}` in its authority stands for a public field of the account.
    url: String,
    /// Auth patterns, as a manifest has them.
    #[serde(default)]
    auth: Vec<Value>,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    changes: Changes,
}

/// What becomes of what a server changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Changes {
    /// Tools that are new or not the same wait for an operator.
    #[default]
    Hold,
    /// They are taken over when they are found.
    Take,
}

/// What is new of a server.
#[derive(Clone, Debug)]
pub enum News {
    /// Nothing: it was not asked.
    None,
    /// JSON text: what the generic connector found there.
    Found(String),
    /// An operator accepts what waits; this is its digest.
    Accepted(String),
}

/// What was found at a server, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Where. What was found at one address says nothing of another.
    url: String,
    /// What was taken over; `None` before the server was asked.
    pinned: Option<Listing>,
    /// What the server has now, if that is something else.
    held: Option<Listing>,
    /// Where its users sign in: what the auth patterns that were declared became, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    authorization: BTreeMap<String, Value>,
}

/// What a server says, as the generic connector tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Listing {
    /// The revision that was agreed on.
    revision: String,
    /// Whether it keeps sessions.
    session: bool,
    server: Value,
    instructions: String,
    /// Its tools, by name.
    tools: Vec<Value>,
    /// Its prompts and resources.
    #[serde(flatten)]
    offers: Offers,
}

impl Upstream {
    /// Reads the declaration of a server; `None` if the document is something else.
    pub(super) fn read(document: &str) -> Result<Option<Self>, CatalogError> {
        // Documents are parsed in the sandbox; only what begins so can be one that an operator's request was turned into.
        let start: String = document.trim_start().chars().take(64).filter(|c| !c.is_whitespace()).collect();
        if !start.starts_with(&format!("{{\"{MEMBER}\":")) {
            return Ok(None);
        }
        let wrong = |error: serde_json::Error| CatalogError::Document(format!("`{MEMBER}`: {error}"));
        let mut document: Value = serde_json::from_str(document).map_err(wrong)?;
        let members = document.as_object().map(serde_json::Map::len).unwrap_or_default();
        if members != 1 {
            return Err(CatalogError::Document(format!("a document with `{MEMBER}` has nothing else in it")));
        }
        let upstream: Self = serde_json::from_value(document[MEMBER].take()).map_err(wrong)?;
        upstream.parts()?;
        Ok(Some(upstream))
    }

    /// What is known of the server after the news.
    ///
    /// # Errors
    /// [`CatalogError::Document`] if what was found is not what it should be; [`CatalogError::Conflict`] if what an operator
    /// accepts is not what waits.
    pub(super) async fn found(
        &self,
        parts: Importing<'_>,
        before: Option<Found>,
        news: News,
    ) -> Result<Found, CatalogError> {
        let looks = !matches!(news, News::Accepted(_));
        let mut found = self.with_news(before, news)?;
        if looks {
            self.sign_in(parts, &mut found).await?;
        }
        Ok(found)
    }

    /// Finds out where users sign in. Where that cannot be found any more, what was found before stays; where it is
    /// elsewhere, somebody has to look: whoever took the server over would send its users to himself.
    async fn sign_in(&self, parts: Importing<'_>, found: &mut Found) -> Result<(), CatalogError> {
        let declared = self.auth.iter().filter(|pattern| pattern["type"] == authorization::KIND);
        for declared in declared {
            let name = declared["name"].as_str().unwrap_or_default();
            let known = found.authorization.get(name);
            let pattern = match (authorization::pattern(parts.egress, &self.url, declared).await, known) {
                (Ok(pattern), Some(known)) if known["issuer"] != pattern["issuer"] && declared["issuer"].is_null() => {
                    return Err(CatalogError::Conflict(format!(
                        "users of {} would sign in at {} and no longer at {}: if that is right, name it as `issuer` of the \
                         auth pattern `{name}`",
                        self.url, pattern["issuer"], known["issuer"]
                    )));
                }
                // More scopes than users were asked for before are an operator's to name, as another issuer is.
                (Ok(mut pattern), Some(known)) if self.changes == Changes::Hold && declared["scopes"].is_null() => {
                    pattern["scopes"] = known["scopes"].clone();
                    pattern
                }
                (Ok(pattern), _) => pattern,
                (Err(error), Some(_)) => {
                    tracing::warn!(%error, server = self.url, "where users sign in was not found again");
                    continue;
                }
                (Err(error), None) => return Err(error),
            };
            found.authorization.insert(name.to_owned(), pattern);
        }
        Ok(())
    }

    fn with_news(&self, before: Option<Found>, news: News) -> Result<Found, CatalogError> {
        let fresh = || Found { url: self.url.clone(), pinned: None, held: None, authorization: BTreeMap::new() };
        let before = before.filter(|before| before.url == self.url).unwrap_or_else(fresh);
        match news {
            News::None if self.changes == Changes::Take => Ok(before.accepted()),
            News::None => Ok(before),
            News::Accepted(digest) => match before.waiting() {
                Some(waiting) if waiting == digest => Ok(before.accepted()),
                Some(_) => {
                    Err(CatalogError::Conflict("something else waits now: look at it before you accept it".into()))
                }
                None => Err(CatalogError::Conflict("nothing waits to be accepted".into())),
            },
            News::Found(text) => {
                let listing: Listing = serde_json::from_str(&text)
                    .map_err(|error| CatalogError::Document(format!("what was found is no list of tools: {error}")))?;
                let found = before.with(listing);
                Ok(if self.changes == Changes::Take { found.accepted() } else { found })
            }
        }
    }

    /// What the generic connector makes tools of.
    pub(super) fn described(&self, found: &Found) -> String {
        let (origin, host, path) = self.parts().unwrap_or_default();
        let none = || vec![json!({ "name": "none", "title": "No account", "type": "none" })];
        let compiled = |declared: &Value| {
            let own = declared["name"].as_str().filter(|_| declared["type"] == authorization::KIND);
            own.and_then(|name| found.authorization.get(name)).unwrap_or(declared).clone()
        };
        let auth = if self.auth.is_empty() { none() } else { self.auth.iter().map(compiled).collect() };
        json!({
            "title": self.title, "description": self.description, "categories": self.categories,
            "origin": origin, "host": host, "path": path, "auth": auth, "found": found.pinned,
        })
        .to_string()
    }

    /// Scheme and authority, the authority as a manifest has it, and the path with its query.
    fn parts(&self) -> Result<(String, String, String), CatalogError> {
        let wrong = |what: &str| CatalogError::Document(format!("`{MEMBER}.url` {what}"));
        let (scheme, rest) = self.url.split_once("://").ok_or_else(|| wrong("is no URL"))?;
        if !matches!(scheme, "https" | "http") {
            return Err(wrong("is neither https nor http"));
        }
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#' | '{' | '}');
        if authority.is_empty() || authority.contains(['@', '?', '#']) || path.contains(odd) {
            return Err(wrong("has something in it that no server's address has"));
        }
        let named = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let host = if scheme == "http" && !named { format!("{authority}:80") } else { authority.to_owned() };
        Ok((format!("{scheme}://{authority}"), host, path.to_owned()))
    }
}

impl Found {
    /// As it was stored.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As it is stored.
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What waits for an operator, and what there would be if it was accepted.
    pub(super) fn if_accepted(&self) -> Option<(String, Self)> {
        Some((self.waiting()?, self.clone().accepted()))
    }

    /// The digest of what waits.
    fn waiting(&self) -> Option<String> {
        let all = |held: &Listing| {
            let listed = json!([held.tools, held.server, held.instructions]).to_string();
            if held.offers.is_empty() { listed } else { format!("{listed}\n{}", json!(held.offers)) }
        };
        self.held.as_ref().map(|held| hex::encode(Sha256::digest(all(held))))
    }

    /// With all that waits taken over.
    fn accepted(self) -> Self {
        let pinned = self.held.or(self.pinned);
        Self { pinned, held: None, ..self }
    }

    /// With what a server has now. The first time an operator asks for all of it; after that only what is gone goes by
    /// itself, and how the server is spoken to.
    fn with(self, listing: Listing) -> Self {
        let Some(pinned) = self.pinned else { return Self { pinned: Some(listing), held: None, ..self } };
        let there: BTreeSet<&str> = listing.tools.iter().filter_map(name).collect();
        let tools = pinned.tools.into_iter().filter(|tool| name(tool).is_some_and(|name| there.contains(name)));
        let tools: Vec<Value> = tools.collect();
        let offers = pinned.offers.without_gone(&listing.offers);
        let same = tools == listing.tools && offers == listing.offers;
        let (revision, session) = (listing.revision.clone(), listing.session);
        let pinned = Listing { revision, session, tools, offers, ..pinned };
        Self { pinned: Some(pinned), held: (!same).then_some(listing), ..self }
    }
}

fn name(tool: &Value) -> Option<&str> {
    tool["name"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(tools: Value) -> Listing {
        let Value::Array(tools) = tools else { panic!() };
        let (server, instructions, offers) = (json!({}), String::new(), Offers::default());
        Listing { revision: "2026-07-28".into(), session: false, server, instructions, tools, offers }
    }

    fn found(tools: Value) -> Found {
        Found { url: "u".into(), pinned: Some(listing(tools)), held: None, authorization: BTreeMap::new() }
    }

    /// A server that changes what its tools say does not change what models are told.
    #[test]
    fn what_changes_waits() {
        let old = json!([{ "name": "a", "description": "Adds." }, { "name": "b" }]);
        for (new, pinned, waits) in [
            (old.clone(), old.clone(), false),
            (json!([{ "name": "a", "description": "Adds." }]), json!([{ "name": "a", "description": "Adds." }]), false),
            (json!([]), json!([]), false),
            (json!([{ "name": "a", "description": "Pays." }, { "name": "b" }]), old.clone(), true),
            (json!([{ "name": "a", "description": "Adds.", "inputSchema": {} }, { "name": "b" }]), old.clone(), true),
            (json!([{ "name": "a", "description": "Adds.", "annotations": {} }, { "name": "b" }]), old.clone(), true),
            (json!([{ "name": "a", "description": "Adds." }, { "name": "b" }, { "name": "c" }]), old.clone(), true),
            (json!([{ "name": "b" }, { "name": "c" }]), json!([{ "name": "b" }]), true),
        ] {
            let after = found(old.clone()).with(listing(new.clone()));
            assert_eq!(Value::from(after.pinned.clone().unwrap().tools), pinned, "{new}");
            assert_eq!(after.waiting().is_some(), waits, "{new}");
            assert_eq!(Value::from(after.accepted().pinned.unwrap().tools), new);
        }
        // A server that takes it back has changed nothing.
        let changed = found(old.clone()).with(listing(json!([{ "name": "a" }, { "name": "b" }])));
        assert_eq!(changed.with(listing(old.clone())), found(old));
    }

    /// The first time an operator asks for all there is, and how a server is spoken to is no matter of trust.
    #[test]
    fn what_is_found_first_is_taken_over() {
        let first = Found { pinned: None, ..found(json!([])) }.with(listing(json!([{ "name": "a" }])));
        assert_eq!(first, found(json!([{ "name": "a" }])));
        let older = Listing { revision: "2025-06-18".into(), session: true, ..listing(json!([{ "name": "a" }])) };
        let after = first.with(older.clone());
        assert_eq!((after.pinned, after.held), (Some(older), None));
        assert_eq!(Found::read(&found(json!([])).written()), Some(found(json!([]))));
        assert_eq!(Found::read("{}"), None);
    }

    #[test]
    fn addresses_are_taken_apart() {
        let of = |url: &str| {
            let document = json!({ "mcp": { "url": url } }).to_string();
            Upstream::read(&document).map(|upstream| upstream.unwrap().parts().unwrap())
        };
        for (url, origin, host, path) in [
            ("https://mcp.example.com", "https://mcp.example.com", "mcp.example.com", "/"),
            ("https://mcp.example.com/v1/mcp/?a=1", "https://mcp.example.com", "mcp.example.com", "/v1/mcp/?a=1"),
            ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080", "127.0.0.1:8080", "/mcp"),
            ("http://localhost/mcp", "http://localhost", "localhost:80", "/mcp"),
            ("https://{{region}}.example.com/mcp", "https://{{region}}.example.com", "{{region}}.example.com", "/mcp"),
        ] {
            assert_eq!(of(url).unwrap(), (origin.into(), host.into(), path.into()));
        }
        for url in [
            "",
            "mcp.example.com",
            "ftp://x/y",
            "https:///mcp",
            "https://a@b/",
            "https://x?y",
            "https://x/a b",
            "https://x/{a}",
            "https://x/#a",
        ] {
            assert!(of(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_declarations_of_servers_are_read_as_such() {
        for document in ["", "openapi: 3.1.0", "{\"openapi\":\"3.1.0\",\"mcp\":{}}", "mcp: {url: x}", "[{\"mcp\":1}]"] {
            assert!(Upstream::read(document).unwrap().is_none(), "{document}");
        }
        for document in [
            "{\"mcp\":",
            "{\"mcp\": 7}",
            "{ \"mcp\": {}}",
            "{\"mcp\":{\"url\":\"https://x\"},\"more\":1}",
            "{\"mcp\":{\"url\":\"https://x\",\"uri\":1}}",
            "{\"mcp\":{\"url\":\"https://x\",\"changes\":\"ignore\"}}",
        ] {
            assert!(Upstream::read(document).is_err(), "{document}");
        }
    }
}
