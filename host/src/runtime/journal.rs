//! What a guest was answered, in order: enough to run the call again up to the same point, in another process.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::call::AccountView;
use crate::egress::{EgressError, Response};
use crate::model::{Random, Timestamp};

/// What stands before the JSON of a journal; another number is another format.
const FORMAT: &[u8] = b"gloveport journal 1\n";

const DIGEST_BYTES: usize = 32;

/// A call as the guest sees it from inside: what it was told, and what each of its requests was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The time, for the whole call.
    pub now: Timestamp,
    /// What the guest's randomness comes from.
    pub seed: [u8; 32],
    /// What the guest may know of the account.
    pub account: AccountView,
    /// Requests and their answers, in order.
    pub entries: Vec<Entry>,
}

/// One request of the guest and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// SHA-256 of the request as it left, or of the reason why it did not.
    pub request: [u8; 32],
    /// Method of the request; empty if it was refused before it was read.
    pub method: String,
    /// The whole URL, without what the host injects.
    pub url: String,
    /// Whether it was there to change something.
    pub writes: bool,
    /// What the guest was told.
    pub reply: Reply,
}

/// What a guest was told of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A response, scrubbed.
    Response {
        /// HTTP status.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// Decoded body.
        body: Bytes,
        /// It was cut.
        truncated: bool,
    },
    /// That there is none, and why.
    Error(EgressError),
}

/// Why bytes are no journal.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum JournalError {
    /// Written by another version of the host, or not by a host.
    #[error("these are not the bytes of a journal of this version")]
    Format,
    /// Something was changed since it was written.
    #[error("the journal was changed since it was written")]
    Changed,
    /// The content cannot be read.
    #[error("the journal cannot be read: {0}")]
    Unreadable(String),
}

impl Journal {
    /// Of a call that begins now.
    pub fn begin(account: AccountView, now: Timestamp, random: &Random) -> Self {
        Self { now, seed: random.bytes(), account, entries: Vec::new() }
    }

    /// For storage: the caller seals it. Reads back with [`Journal::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            now: self.now.0,
            seed: hex::encode(self.seed),
            fields: self.account.fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            settings: self.account.settings.to_string(),
            entries: self.entries.iter().map(StoredEntry::of).collect(),
        };
        // Strings and numbers in maps and lists: there is nothing that JSON could not hold.
        let text = serde_json::to_vec(&stored).unwrap_or_default();
        [FORMAT, Sha256::digest(&text).as_slice(), &text].concat()
    }

    /// Reads what [`Journal::to_bytes`] wrote.
    ///
    /// # Errors
    /// Any change of the bytes, and what another version wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JournalError> {
        let rest = bytes.strip_prefix(FORMAT).ok_or(JournalError::Format)?;
        let (digest, text) = rest.split_at_checked(DIGEST_BYTES).ok_or(JournalError::Format)?;
        if Sha256::digest(text).as_slice() != digest {
            return Err(JournalError::Changed);
        }
        let stored: Stored =
            serde_json::from_slice(text).map_err(|error| JournalError::Unreadable(error.to_string()))?;
        Ok(Self {
            now: Timestamp(stored.now),
            seed: digest_of(&stored.seed)?,
            account: AccountView { fields: Arc::new(stored.fields), settings: stored.settings.into() },
            entries: stored.entries.into_iter().map(StoredEntry::into_entry).collect::<Result<_, _>>()?,
        })
    }
}

impl Entry {
    /// Whether a write may have reached the provider: it has, unless this host or the network refused it before.
    pub fn may_have_written(&self) -> bool {
        let refused = matches!(
            self.reply,
            Reply::Error(
                EgressError::Invalid(_)
                    | EgressError::HostNotAllowed(_)
                    | EgressError::AddressNotAllowed(_)
                    | EgressError::RouteNotAllowed(_)
                    | EgressError::Credential(_)
            )
        );
        self.writes && !refused
    }
}

impl Reply {
    pub(super) fn of(result: &Result<Response, EgressError>) -> Self {
        match result {
            Ok(Response { status, headers, body, truncated, .. }) => {
                Self::Response { status: *status, headers: headers.clone(), body: body.clone(), truncated: *truncated }
            }
            Err(error) => Self::Error(error.clone()),
        }
    }

    /// What the guest is told again. Nothing was sent for it this time.
    pub(super) fn again(&self) -> Result<Response, EgressError> {
        match self {
            Self::Response { status, headers, body, truncated } => Ok(Response {
                status: *status,
                headers: headers.clone(),
                body: body.clone(),
                truncated: *truncated,
                scrubbed: 0,
                sent_bytes: 0,
                received_bytes: 0,
            }),
            Self::Error(error) => Err(error.clone()),
        }
    }

    /// Bytes that it takes, nearly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Response { headers, body, .. } => {
                body.len() + headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            Self::Error(_) => 0,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    now: i64,
    seed: String,
    fields: BTreeMap<String, String>,
    settings: String,
    entries: Vec<StoredEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEntry {
    request: String,
    method: String,
    url: String,
    writes: bool,
    reply: StoredReply,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredReply {
    Response { status: u16, headers: Vec<(String, String)>, body: String, truncated: bool },
    Error { kind: String, text: String },
}

impl StoredEntry {
    fn of(entry: &Entry) -> Self {
        let reply = match &entry.reply {
            Reply::Response { status, headers, body, truncated } => StoredReply::Response {
                status: *status,
                headers: headers.clone(),
                body: STANDARD_NO_PAD.encode(body),
                truncated: *truncated,
            },
            Reply::Error(error) => {
                let (kind, text) = error.parts();
                StoredReply::Error { kind: kind.into(), text }
            }
        };
        Self {
            request: hex::encode(entry.request),
            method: entry.method.clone(),
            url: entry.url.clone(),
            writes: entry.writes,
            reply,
        }
    }

    fn into_entry(self) -> Result<Entry, JournalError> {
        let unreadable = |what: &str| JournalError::Unreadable(what.into());
        let reply = match self.reply {
            StoredReply::Response { status, headers, body, truncated } => Reply::Response {
                status,
                headers,
                body: STANDARD_NO_PAD.decode(body).map_err(|_| unreadable("a body is not base64"))?.into(),
                truncated,
            },
            StoredReply::Error { kind, text } => {
                Reply::Error(EgressError::from_parts(&kind, text).ok_or_else(|| unreadable("an unknown error"))?)
            }
        };
        let (request, writes) = (digest_of(&self.request)?, self.writes);
        Ok(Entry { request, method: self.method, url: self.url, writes, reply })
    }
}

fn digest_of(text: &str) -> Result<[u8; 32], JournalError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| JournalError::Unreadable("a digest is not one".into()))?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply() -> impl Strategy<Value = Reply> {
        let response = (any::<u16>(), any::<Vec<(String, String)>>(), any::<Vec<u8>>(), any::<bool>());
        prop_oneof![
            response.prop_map(|(status, headers, body, truncated)| Reply::Response {
                status,
                headers,
                body: body.into(),
                truncated
            }),
            (0..EgressError::KINDS.len(), "[ -~]{0,20}").prop_filter_map("a number of ms", |(kind, text)| {
                let kind = EgressError::KINDS[kind];
                EgressError::from_parts(kind, if kind == "timeout" { "17".into() } else { text }).map(Reply::Error)
            }),
        ]
    }

    fn journal() -> impl Strategy<Value = Journal> {
        let entry = (any::<[u8; 32]>(), "[A-Z]{0,6}", ".{0,40}", any::<bool>(), reply())
            .prop_map(|(request, method, url, writes, reply)| Entry { request, method, url, writes, reply });
        let fields = prop::collection::btree_map(".{0,8}", ".{0,8}", 0..3);
        (any::<i64>(), any::<[u8; 32]>(), fields, prop::collection::vec(entry, 0..5)).prop_map(
            |(now, seed, fields, entries)| Journal {
                now: Timestamp(now),
                seed,
                account: AccountView { fields: Arc::new(fields), settings: "{\"a\":1}".into() },
                entries,
            },
        )
    }

    proptest! {
        #[test]
        fn a_journal_reads_back(journal in journal()) {
            prop_assert_eq!(Journal::from_bytes(&journal.to_bytes()), Ok(journal));
        }

        #[test]
        fn any_change_is_noticed(journal in journal(), at: prop::sample::Index, flip in 1..=255u8) {
            let mut bytes = journal.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(Journal::from_bytes(&bytes).is_err());
            bytes.truncate(at);
            prop_assert!(Journal::from_bytes(&bytes).is_err());
        }

        /// Bytes that carry a right digest and make no sense: an error, never a panic.
        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>) {
            let bytes = [FORMAT, Sha256::digest(&text).as_slice(), &text].concat();
            prop_assert!(Journal::from_bytes(&bytes).is_err());
        }
    }
}
