//! MCP servers as connectors: where one is, what was found there, and what of that an operator has accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::declare::Importing;
use super::upstream_offers::Offers;
use super::{CatalogError, authorization};
use crate::model::ShownTools;

/// The end of the name of the tool with which a server is asked for its tools; the connector's name is before it.
pub const DISCOVERY: &str = "_mcp_discover";

/// The member that makes a document the declaration of a server.
const MEMBER: &str = "mcp";

/// How long a list is fresh where neither the server nor an operator says: soon enough for whoever waits for a new tool, and
/// no load for a server.
const REFRESH: Duration = Duration::from_secs(5 * 60);

/// What may be said of that: what is asked for more often costs a server more than calls do, and a day is what operators can
/// do by hand.
const FRESH: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);

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
    #[serde(default)]
    tools: Whose,
    /// How long the host takes a list for fresh where the server does not say, in seconds; 0 for as long as no operator asks.
    refresh_seconds: Option<u64>,
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

/// Whose a server's list of tools is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whose {
    /// The connector's: it is the same with each account.
    #[default]
    Connector,
    /// Each account's: the connector has what is shown with any of them.
    Account,
}

/// What is new of a server.
#[derive(Clone, Debug)]
pub enum News {
    /// Nothing: it was not asked.
    None,
    /// JSON text: what the generic connector found there when an operator asked.
    Found(String),
    /// The same, where the host asked by itself: nothing is taken over for the first time without an operator.
    FoundAgain(String),
    /// An operator accepts what waits; this is its digest.
    Accepted(String),
}

/// What was found at a server, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Where. What was found at one address says nothing of another.
    url: String,
    /// Whose list it is.
    #[serde(default)]
    whose: Whose,
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
        upstream.period()?;
        Ok(Some(upstream))
    }

    /// What is known of the server after the news. `others` is what it shows with any account, where each has its own list.
    ///
    /// # Errors
    /// [`CatalogError::Document`] if what was found is not what it should be; [`CatalogError::Conflict`] if what an operator
    /// accepts is not what waits.
    pub(super) async fn found(
        &self,
        parts: Importing<'_>,
        before: Option<Found>,
        news: News,
        others: &BTreeSet<String>,
    ) -> Result<Found, CatalogError> {
        let looks = !matches!(news, News::Accepted(_));
        let mut found = self.with_news(before, news, others)?;
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

    fn with_news(&self, before: Option<Found>, news: News, others: &BTreeSet<String>) -> Result<Found, CatalogError> {
        let (url, whose) = (self.url.clone(), self.tools);
        let fresh = || Found { url, whose, pinned: None, held: None, authorization: BTreeMap::new() };
        let before = before.filter(|before| before.url == self.url).unwrap_or_else(fresh);
        let before = Found { whose, ..before };
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
            News::FoundAgain(_) if before.pinned.is_none() => {
                Err(CatalogError::Conflict("no operator has taken over any of its tools: discover them first".into()))
            }
            News::Found(text) | News::FoundAgain(text) => {
                let listing: Listing = serde_json::from_str(&text)
                    .map_err(|error| CatalogError::Document(format!("what was found is no list of tools: {error}")))?;
                let found = match self.tools {
                    Whose::Connector => before.with(listing),
                    Whose::Account => before.with_one(listing, others),
                };
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

    /// Whose its list is.
    pub(super) fn whose(&self) -> Whose {
        self.tools
    }

    /// Whether this was found where the server is.
    pub(super) fn is_at(&self, found: &Found) -> bool {
        found.url == self.url
    }

    /// How long a list is fresh where the server does not say; `None` where the host does not ask by itself.
    pub(super) fn period(&self) -> Result<Option<Duration>, CatalogError> {
        match self.refresh_seconds.map(Duration::from_secs) {
            None => Ok(Some(REFRESH)),
            Some(Duration::ZERO) => Ok(None),
            Some(period) if FRESH.contains(&period) => Ok(Some(period)),
            Some(_) => {
                let (least, most) = (FRESH.start().as_secs(), FRESH.end().as_secs());
                let what = format!("`{MEMBER}.refresh_seconds` is 0, or from {least} to {most}");
                Err(CatalogError::Document(what))
            }
        }
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
    pub(super) fn waiting(&self) -> Option<String> {
        let all = |held: &Listing| {
            let listed = json!([held.tools, held.server, held.instructions]).to_string();
            if held.offers.is_empty() { listed } else { format!("{listed}\n{}", json!(held.offers)) }
        };
        self.held.as_ref().map(|held| hex::encode(Sha256::digest(all(held))))
    }

    /// Whose list it was.
    pub(super) fn whose(&self) -> Whose {
        self.whose
    }

    /// Whether an operator has taken anything over.
    pub(super) fn is_pinned(&self) -> bool {
        self.pinned.is_some()
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

    /// With what a server has now for one account. What others have stays, and what waits of that goes on waiting. Where a
    /// server tells two accounts different things of one tool, what it told last waits. Nobody counts who is shown which
    /// prompts and resources: none of them is gone by itself.
    fn with_one(self, listing: Listing, others: &BTreeSet<String>) -> Self {
        let Some(pinned) = self.pinned else { return Self { pinned: Some(listing), held: None, ..self } };
        let own: BTreeMap<&str, &Value> = listing.tools.iter().filter_map(|tool| Some((name(tool)?, tool))).collect();
        let there = |tool: &&Value| name(tool).is_some_and(|name| own.contains_key(name) || others.contains(name));
        let tools: Vec<Value> = pinned.tools.iter().filter(there).cloned().collect();
        let waited = self.held.iter().flat_map(|held| &held.tools).filter(there);
        let mut all: BTreeMap<&str, &Value> = tools.iter().filter_map(|tool| Some((name(tool)?, tool))).collect();
        all.extend(waited.filter_map(|tool| Some((name(tool)?, tool))));
        all.extend(own);
        let all: Vec<Value> = all.into_values().cloned().collect();
        let waiting = self.held.iter().fold(pinned.offers.clone(), |offers, held| offers.joined(&held.offers));
        let offers = waiting.joined(&listing.offers);
        let same = all == tools && offers == pinned.offers;
        let held = (!same).then(|| Listing { tools: all, offers, ..listing.clone() });
        let pinned = Listing { revision: listing.revision, session: listing.session, tools, ..pinned };
        Self { pinned: Some(pinned), held, ..self }
    }
}

/// For how long a server says that its list stays, as far as it is believed.
///
/// `found` is what the generic connector tells.
pub fn fresh_for(found: &str) -> Option<Duration> {
    let found: Value = serde_json::from_str(found).ok()?;
    found["ttl_ms"].as_u64().map(|said| Duration::from_millis(said).clamp(*FRESH.start(), *FRESH.end()))
}

/// The names of the tools that a server shows with an account, as it calls them.
///
/// `found` is what the generic connector tells.
pub fn shown(found: &str) -> Option<ShownTools> {
    let found: Value = serde_json::from_str(found).ok()?;
    Some(ShownTools::of(found["tools"].as_array()?.iter().filter_map(name)))
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
        let (whose, authorization) = (Whose::Connector, BTreeMap::new());
        Found { url: "u".into(), whose, pinned: Some(listing(tools)), held: None, authorization }
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

    /// Where each account has its own list, the connector has what any of them has, and a tool is gone once nobody has it.
    #[test]
    fn what_one_account_has_is_put_to_what_others_have() {
        let tool = |name: &str| json!({ "name": name });
        let other = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let changed = json!({ "name": "a", "description": "Pays." });
        for (listed, others, pinned, waits) in [
            (json!([tool("a")]), other(&["b"]), json!([tool("a"), tool("b")]), None),
            (json!([tool("b")]), other(&["b"]), json!([tool("b")]), None),
            (json!([]), other(&[]), json!([]), None),
            (json!([tool("c")]), other(&["a", "b"]), json!([tool("a"), tool("b")]), Some(json!(["a", "b", "c"]))),
            (json!([changed]), other(&["a"]), json!([tool("a")]), Some(json!(["a"]))),
        ] {
            let after = found(json!([tool("a"), tool("b")])).with_one(listing(listed.clone()), &others);
            assert_eq!(Value::from(after.pinned.clone().unwrap().tools), pinned, "{listed}");
            let held = after.held.map(|held| held.tools.iter().map(|tool| tool["name"].clone()).collect::<Value>());
            assert_eq!(held, waits, "{listed}");
        }
        // What waits for one account is not forgotten when another one is asked, as long as somebody has it.
        let first = found(json!([tool("a")])).with_one(listing(json!([tool("a"), tool("c")])), &other(&["a", "c"]));
        let second = first.clone().with_one(listing(json!([tool("a")])), &other(&["a", "c"]));
        assert_eq!(second.waiting(), first.waiting());
        assert_eq!(first.with_one(listing(json!([tool("a")])), &other(&["a"])).waiting(), None);
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
            "{\"mcp\":{\"url\":\"https://x\",\"refresh_seconds\":59}}",
            "{\"mcp\":{\"url\":\"https://x\",\"refresh_seconds\":86401}}",
            "{\"mcp\":{\"url\":\"https://x\",\"refresh_seconds\":-1}}",
        ] {
            assert!(Upstream::read(document).is_err(), "{document}");
        }
    }

    #[test]
    fn how_long_a_list_is_fresh_has_bounds() {
        let period = |more: &str| {
            let document = format!("{{\"mcp\":{{\"url\":\"https://x\"{more}}}}}");
            Upstream::read(&document).unwrap().unwrap().period().unwrap().map(|period| period.as_secs())
        };
        for (more, expected) in [
            ("", Some(300)),
            (",\"refresh_seconds\":0", None),
            (",\"refresh_seconds\":60", Some(60)),
            (",\"refresh_seconds\":86400", Some(86_400)),
        ] {
            assert_eq!(period(more), expected, "{more}");
        }
        for (said, expected) in [
            ("{\"ttl_ms\":0}", Some(60)),
            ("{\"ttl_ms\":90500}", Some(90)),
            ("{\"ttl_ms\":18446744073709551615}", Some(86_400)),
            ("{\"ttl_ms\":-1}", None),
            ("{\"ttl_ms\":\"90000\"}", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(fresh_for(said).map(|fresh| fresh.as_secs()), expected, "{said}");
        }
    }

    /// What the host finds by itself is never the first that is taken over, and not what was found elsewhere.
    #[test]
    fn only_an_operator_takes_over_first() {
        let upstream = Upstream::read("{\"mcp\":{\"url\":\"https://x\",\"changes\":\"take\"}}").unwrap().unwrap();
        let text = serde_json::to_string(&listing(json!([{ "name": "a" }]))).unwrap();
        for before in [None, Some(found(json!([{ "name": "b" }])))] {
            let refused = upstream.with_news(before.clone(), News::FoundAgain(text.clone()), &BTreeSet::new());
            assert!(matches!(refused, Err(CatalogError::Conflict(_))), "{before:?}");
            assert!(upstream.with_news(before, News::Found(text.clone()), &BTreeSet::new()).is_ok());
        }
    }
}
