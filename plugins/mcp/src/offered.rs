//! Which prompts and resources a server has: its lists, page by page, where it says that it has them.

use std::collections::BTreeSet;

use gloveport_sdk::Failure;
use serde_json::{Map, Value, json};

use crate::answer::Refusal;
use crate::limits::{OFFERED_BYTES, OFFERED_PAGES, PROMPTS, RESOURCES, TEMPLATES};
use crate::peer::Peer;

/// A list that a server may have.
struct Wanted {
    /// What the server says of itself if it has it.
    capability: &'static str,
    method: &'static str,
    /// The member of a page, and of what was found.
    member: &'static str,
    /// The member by which one is known.
    key: &'static str,
    /// What is kept of each: all that people and models go by.
    kept: &'static [&'static str],
    most: usize,
}

const WANTED: [Wanted; 3] = [
    Wanted {
        capability: "prompts",
        method: "prompts/list",
        member: "prompts",
        key: "name",
        kept: &["name", "title", "description", "arguments"],
        most: PROMPTS,
    },
    Wanted {
        capability: "resources",
        method: "resources/list",
        member: "resources",
        key: "uri",
        kept: &["uri", "name", "title", "description", "mimeType"],
        most: RESOURCES,
    },
    Wanted {
        capability: "resources",
        method: "resources/templates/list",
        member: "resourceTemplates",
        key: "uriTemplate",
        kept: &["uriTemplate", "name", "title", "description", "mimeType"],
        most: TEMPLATES,
    },
];

/// Adds to what was found the lists that a server says it has; `said` is what it answered to the first request. Lists that
/// are longer than this host takes are cut, and `more` names them.
///
/// # Errors
/// What the server answered.
pub(crate) fn add(peer: &mut Peer<'_>, said: &Value, found: &mut Value) -> Result<(), Failure> {
    let (mut more, mut room) = (Vec::new(), OFFERED_BYTES);
    for wanted in WANTED.iter().filter(|wanted| said["capabilities"][wanted.capability].is_object()) {
        let (mut list, whole) = all(peer, wanted, &mut room)?;
        list.sort_by(|one, other| one[wanted.key].as_str().cmp(&other[wanted.key].as_str()));
        // Of two with one name an operator would be shown one, and a user perhaps the other.
        if list.windows(2).any(|two| two[0][wanted.key] == two[1][wanted.key]) {
            let message = format!("the server has two {} with one {}", wanted.member, wanted.key);
            return Err(Failure::upstream(200, None, message));
        }
        if !whole {
            more.push(wanted.member);
        }
        if !list.is_empty() {
            found[wanted.member] = list.into();
        }
    }
    if !more.is_empty() {
        found["more"] = json!(more);
    }
    Ok(())
}

/// A list, and whether that is all of it.
fn all(peer: &mut Peer<'_>, wanted: &Wanted, room: &mut usize) -> Result<(Vec<Value>, bool), Failure> {
    let (mut list, mut seen) = (Vec::new(), BTreeSet::new());
    let mut cursor: Option<String> = None;
    for _ in 0..OFFERED_PAGES {
        let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let page = match peer.ask(wanted.method, &params, None, &[]) {
            Err(Refusal::Rpc(error)) if error.is_no_such_method() => return Ok((Vec::new(), true)),
            page => page?,
        };
        for one in page[wanted.member].as_array().into_iter().flatten().filter(|one| one[wanted.key].is_string()) {
            let kept: Map<String, Value> =
                wanted.kept.iter().filter_map(|name| Some(((*name).to_owned(), one.get(*name)?.clone()))).collect();
            let kept = Value::Object(kept);
            let bytes = kept.to_string().len();
            if list.len() >= wanted.most || bytes > *room {
                return Ok((list, false));
            }
            *room -= bytes;
            list.push(kept);
        }
        match page["nextCursor"].as_str().map(str::to_owned) {
            None => return Ok((list, true)),
            Some(next) if !seen.insert(next.clone()) => {
                return Err(Failure::upstream(
                    200,
                    None,
                    format!("the server's list of {} does not end", wanted.member),
                ));
            }
            next => cursor = next,
        }
    }
    Ok((list, false))
}
