//! Which revision a server speaks, who it is, and what it has.

use std::collections::BTreeSet;

use gloveport_sdk::Failure;
use serde_json::{Map, Value, json};

use crate::answer::Refusal;
use crate::limits::{LIST_BYTES, PAGES, TITLE_BYTES, TOOLS};
use crate::offered;
use crate::peer::{LEGACY, MODERN, Peer};
use gloveport_importer::{cut, line};

/// What is kept of a tool: all that a model or this component goes by, and nothing else that would make it another one.
const MEMBERS: [&str; 6] = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];

/// Bytes of what a server says of itself.
const INSTRUCTIONS_BYTES: usize = 2_000;

/// Asks a server: the revision that was agreed on, whether it keeps sessions, who it is, and all that it offers.
///
/// # Errors
/// What the server answered.
pub(crate) fn discover(path: &str) -> Result<Value, Failure> {
    let mut modern = Peer::new(path, MODERN);
    match modern.ask("server/discover", &json!({}), None, &[]) {
        Ok(said) if speaks(&said["supportedVersions"], MODERN) => {
            let listed = tools(&mut modern)?;
            let mut found = found(&modern, &said, listed);
            offered::add(&mut modern, &said, &mut found)?;
            return Ok(found);
        }
        // Some older servers answer what they do not know with an empty result.
        Ok(said) if !said["supportedVersions"].is_array() => {}
        Ok(said) if !LEGACY.into_iter().any(|known| speaks(&said["supportedVersions"], known)) => {
            return Err(Failure::upstream(200, None, "the server speaks no revision that is known here"));
        }
        // A server that is out of order, or that does not know the credential, does not become older by that.
        Err(Refusal::Http(500.., failure) | Refusal::Other(failure)) => return Err(failure),
        Err(Refusal::Rpc(error)) if error.is_unsupported_version() => {
            if !LEGACY.into_iter().any(|known| speaks(&error.data["supported"], known)) {
                return Err(error.into_failure());
            }
        }
        Ok(_) | Err(Refusal::Rpc(_) | Refusal::Http(..)) => {}
    }
    let (mut peer, said) = Peer::begin(path, LEGACY[0])?;
    let found = older(&mut peer, &said);
    peer.end();
    found
}

/// All of a server's tools.
#[derive(Default)]
struct Listed {
    tools: Vec<Value>,
    /// For how many milliseconds the server says that they stay as they are.
    ttl_ms: Option<u64>,
}

fn older(peer: &mut Peer<'_>, said: &Value) -> Result<Value, Failure> {
    let listed = tools(peer)?;
    let mut found = found(peer, said, listed);
    offered::add(peer, said, &mut found)?;
    Ok(found)
}

fn found(peer: &Peer<'_>, said: &Value, listed: Listed) -> Value {
    let text = |value: &Value, bytes| value.as_str().map(|text| line(text, bytes)).unwrap_or_default();
    // The current revision has it among what goes along with each result.
    let own = &said["_meta"]["io.modelcontextprotocol/serverInfo"];
    let server = if said["serverInfo"].is_object() { &said["serverInfo"] } else { own };
    let mut found = json!({
        "revision": peer.revision(),
        "session": peer.has_session(),
        "server": {
            "name": text(&server["name"], TITLE_BYTES),
            "title": text(&server["title"], TITLE_BYTES),
            "version": text(&server["version"], TITLE_BYTES),
        },
        "instructions": said["instructions"].as_str().map(|text| cut(text, INSTRUCTIONS_BYTES)).unwrap_or_default(),
        "tools": listed.tools,
    });
    if let Some(ttl_ms) = listed.ttl_ms {
        found["ttl_ms"] = ttl_ms.into();
    }
    found
}

/// All tools, page by page, in the order of their names: what a server shuffles has not changed.
fn tools(peer: &mut Peer<'_>) -> Result<Listed, Failure> {
    let (mut tools, mut seen, mut bytes, mut ttl_ms) = (Vec::new(), BTreeSet::new(), 0, None);
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let page = match peer.ask("tools/list", &params, None, &[]) {
            Err(Refusal::Rpc(error)) if error.is_no_such_method() => return Ok(Listed::default()),
            page => page?,
        };
        // The page that changes first says when the list does.
        ttl_ms = ttl_ms.into_iter().chain(page["ttlMs"].as_u64()).min();
        for tool in page["tools"].as_array().into_iter().flatten().filter_map(Value::as_object) {
            let kept: Map<String, Value> =
                MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), tool.get(*name)?.clone()))).collect();
            let kept = Value::Object(kept);
            bytes += kept.to_string().len();
            tools.push(kept);
        }
        if tools.len() > TOOLS || bytes > LIST_BYTES {
            let message = format!("the server has more than {TOOLS} tools, or {} MiB of them", LIST_BYTES >> 20);
            return Err(Failure::upstream(200, None, message));
        }
        match page["nextCursor"].as_str().map(str::to_owned) {
            None => {
                tools.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
                // Of two with one name an operator would be shown one, and a model perhaps the other.
                if tools.windows(2).any(|two| two[0]["name"].is_string() && two[0]["name"] == two[1]["name"]) {
                    return Err(Failure::upstream(200, None, "the server has two tools of one name"));
                }
                return Ok(Listed { tools, ttl_ms });
            }
            Some(next) if !seen.insert(next.clone()) => break,
            next => cursor = next,
        }
    }
    Err(Failure::upstream(200, None, "the server's list of tools does not end"))
}

fn speaks(versions: &Value, version: &str) -> bool {
    versions.as_array().is_some_and(|all| all.iter().any(|one| one == version))
}
