//! Who asks: a client that registered here, or one whose identifier is the URL of its own document.

use super::document::Documents;
use super::limits::{MAX_NAME, MAX_REDIRECTS};
use super::{IssuerError, redirect, refuse};
use crate::call::Host;
use crate::model::{McpClientId, is_hidden, is_redirect_uri};

/// A client as it may ask now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) redirect_uris: Vec<String>,
}

impl Client {
    /// Whether an answer may go there.
    pub(super) fn may_answer_at(&self, asked: &str) -> bool {
        is_redirect_uri(asked) && self.redirect_uris.iter().any(|registered| redirect::matches(registered, asked))
    }
}

/// The client with this identifier.
pub(super) async fn find(host: &Host, documents: &Documents, id: &str) -> Result<Client, IssuerError> {
    if id.starts_with("https://") {
        return documents.client(host, id).await;
    }
    if let Some(known) = host.mcp_clients.iter().find(|known| known.id == id) {
        let name = readable(&known.name).unwrap_or_else(|| known.id.clone());
        return Ok(Client { id: known.id.clone(), name, redirect_uris: known.redirect_uris.clone() });
    }
    let found = match McpClientId::parse(id).filter(|parsed| parsed.as_str() == id) {
        Some(id) => host.store.mcp_client(&id).await?,
        None => None,
    };
    match found {
        Some(row) => Ok(Client { id: row.id.to_string(), name: row.name, redirect_uris: row.redirect_uris }),
        None => refuse("invalid_client", "This program is not known here. It has to register anew."),
    }
}

/// Whether these are where answers of a client may go: some, not too many, and none that a browser must not be sent to.
pub(super) fn are_redirects(uris: &[String]) -> bool {
    (1..=MAX_REDIRECTS).contains(&uris.len()) && uris.iter().all(|uri| is_redirect_uri(uri))
}

/// Whether a client that wants these grants and answers can have them: codes, and what is got for them.
pub(super) fn takes_codes(grant_types: Option<&[String]>, response_types: Option<&[String]>) -> bool {
    let has = |all: Option<&[String]>, one: &str| all.is_none_or(|all| all.iter().any(|each| each == one));
    has(grant_types, "authorization_code") && has(response_types, "code")
}

/// A client's name as people are shown it: one line of printable characters, none of which moves or hides others; `None` if
/// nothing of it is left.
pub(super) fn readable(name: &str) -> Option<String> {
    let shown = |c: &char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}') && !is_hidden(*c);
    let clean: String = name.chars().filter(shown).take(MAX_NAME).collect();
    Some(clean.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_hides_nothing() {
        for (name, expected) in [
            ("  Claude Code ", Some("Claude Code")),
            ("a\nb\u{202e}c\u{200b}\u{feff}", Some("abc")),
            ("\u{202e}", None),
            ("a\u{3164}b\u{fe0f}c\u{115f}d\u{34f}e\u{e0100}", Some("abcde")),
            ("Zo\u{eb} & <b>", Some("Zo\u{eb} & <b>")),
        ] {
            assert_eq!(readable(name).as_deref(), expected);
        }
        assert_eq!(readable(&"x".repeat(1_000)).unwrap().len(), MAX_NAME);
    }
}
