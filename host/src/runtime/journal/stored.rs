//! A journal as bytes: what a call that waits is kept as, and read back from by any host of the same version.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Demand, Entry, Journal, JournalError, Reply};
use crate::egress::EgressError;
use crate::model::{Code, Culprit, ExecutionId, InputError, Timestamp};
use crate::runtime::tools::NestedFault;
use crate::runtime::{AccountView, Failure};

/// What stands before the JSON of a journal; another number is another format.
const FORMAT: &[u8] = b"gloveport journal 2\n";

const DIGEST_BYTES: usize = 32;

impl Journal {
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
    demand: StoredDemand,
    reply: StoredReply,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredDemand {
    Http { method: String, url: String, writes: bool },
    Tool { name: String },
    Input,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredReply {
    Response { status: u16, headers: Vec<(String, String)>, body: String, truncated: bool },
    Error { kind: String, text: String },
    Output(String),
    Failed { failure: StoredFailure, code: String, culprit: String },
    Pending(Option<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredFailure {
    InvalidInput(Vec<(String, String)>),
    NotFound(String),
    Denied(String),
    AuthRequired(String),
    RateLimited { retry_after_ms: Option<u64>, message: String },
    Upstream { status: u16, code: Option<String>, message: String, retryable: bool },
    Unsupported(String),
    Internal(String),
}

impl StoredEntry {
    fn of(entry: &Entry) -> Self {
        let demand = match entry.demand.clone() {
            Demand::Http { method, url, writes } => StoredDemand::Http { method, url, writes },
            Demand::Tool { name } => StoredDemand::Tool { name },
            Demand::Input => StoredDemand::Input,
        };
        Self { request: hex::encode(entry.request), demand, reply: StoredReply::of(&entry.reply) }
    }

    fn into_entry(self) -> Result<Entry, JournalError> {
        let demand = match self.demand {
            StoredDemand::Http { method, url, writes } => Demand::Http { method, url, writes },
            StoredDemand::Tool { name } => Demand::Tool { name },
            StoredDemand::Input => Demand::Input,
        };
        Ok(Entry { request: digest_of(&self.request)?, demand, reply: self.reply.into_reply()? })
    }
}

impl StoredReply {
    fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Response { status, headers, body, truncated } => Self::Response {
                status: *status,
                headers: headers.clone(),
                body: STANDARD_NO_PAD.encode(body),
                truncated: *truncated,
            },
            Reply::Error(error) => {
                let (kind, text) = error.parts();
                Self::Error { kind: kind.into(), text }
            }
            Reply::Output(output) => Self::Output(output.clone()),
            Reply::Failed(NestedFault { failure, code, culprit }) => Self::Failed {
                failure: StoredFailure::of(failure.clone()),
                code: code.as_str().into(),
                culprit: culprit.as_str().into(),
            },
            Reply::Pending(execution) => Self::Pending(execution.as_ref().map(ToString::to_string)),
        }
    }

    fn into_reply(self) -> Result<Reply, JournalError> {
        Ok(match self {
            Self::Response { status, headers, body, truncated } => Reply::Response {
                status,
                headers,
                body: STANDARD_NO_PAD.decode(body).map_err(|_| unreadable("a body is not base64"))?.into(),
                truncated,
            },
            Self::Error { kind, text } => {
                Reply::Error(EgressError::from_parts(&kind, text).ok_or_else(|| unreadable("an unknown error"))?)
            }
            Self::Output(output) => Reply::Output(output),
            Self::Failed { failure, code, culprit } => Reply::Failed(NestedFault {
                failure: failure.into_failure(),
                code: Code::parse(&code).ok_or_else(|| unreadable("an unknown code"))?,
                culprit: Culprit::parse(&culprit).ok_or_else(|| unreadable("an unknown culprit"))?,
            }),
            Self::Pending(None) => Reply::Pending(None),
            Self::Pending(Some(id)) => {
                Reply::Pending(Some(ExecutionId::parse(&id).ok_or_else(|| unreadable("an id is not one"))?))
            }
        })
    }
}

impl StoredFailure {
    fn of(failure: Failure) -> Self {
        match failure {
            Failure::InvalidInput(errors) => {
                Self::InvalidInput(errors.into_iter().map(|InputError { path, message }| (path, message)).collect())
            }
            Failure::NotFound(message) => Self::NotFound(message),
            Failure::Denied(message) => Self::Denied(message),
            Failure::AuthRequired(message) => Self::AuthRequired(message),
            Failure::RateLimited { retry_after_ms, message } => Self::RateLimited { retry_after_ms, message },
            Failure::Upstream { status, code, message, retryable } => {
                Self::Upstream { status, code, message, retryable }
            }
            Failure::Unsupported(message) => Self::Unsupported(message),
            Failure::Internal(message) => Self::Internal(message),
        }
    }

    fn into_failure(self) -> Failure {
        match self {
            Self::InvalidInput(errors) => {
                Failure::InvalidInput(errors.into_iter().map(|(path, message)| InputError { path, message }).collect())
            }
            Self::NotFound(message) => Failure::NotFound(message),
            Self::Denied(message) => Failure::Denied(message),
            Self::AuthRequired(message) => Failure::AuthRequired(message),
            Self::RateLimited { retry_after_ms, message } => Failure::RateLimited { retry_after_ms, message },
            Self::Upstream { status, code, message, retryable } => {
                Failure::Upstream { status, code, message, retryable }
            }
            Self::Unsupported(message) => Failure::Unsupported(message),
            Self::Internal(message) => Failure::Internal(message),
        }
    }
}

fn digest_of(text: &str) -> Result<[u8; 32], JournalError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| unreadable("a digest is not one"))?;
    Ok(digest)
}

fn unreadable(what: &str) -> JournalError {
    JournalError::Unreadable(what.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure() -> impl Strategy<Value = Failure> {
        prop_oneof![
            any::<Vec<(String, String)>>().prop_map(|errors| Failure::InvalidInput(
                errors.into_iter().map(|(path, message)| InputError { path, message }).collect()
            )),
            any::<String>().prop_map(Failure::NotFound),
            any::<String>().prop_map(Failure::Denied),
            any::<String>().prop_map(Failure::AuthRequired),
            any::<(Option<u64>, String)>()
                .prop_map(|(retry_after_ms, message)| Failure::RateLimited { retry_after_ms, message }),
            any::<(u16, Option<String>, String, bool)>().prop_map(|(status, code, message, retryable)| {
                Failure::Upstream { status, code, message, retryable }
            }),
            any::<String>().prop_map(Failure::Unsupported),
            any::<String>().prop_map(Failure::Internal),
        ]
    }

    fn demand() -> impl Strategy<Value = Demand> {
        prop_oneof![
            ("[A-Z]{0,6}", ".{0,40}", any::<bool>()).prop_map(|(method, url, writes)| Demand::Http {
                method,
                url,
                writes
            }),
            any::<String>().prop_map(|name| Demand::Tool { name }),
            Just(Demand::Input),
        ]
    }

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
            any::<String>().prop_map(Reply::Output),
            failure().prop_map(|failure| Reply::Failed(NestedFault {
                failure,
                code: Code::DeniedByPolicy,
                culprit: Culprit::Policy
            })),
            Just(Reply::Pending(None)),
            any::<u64>().prop_map(|n| Reply::Pending(ExecutionId::parse(&format!("exec_{n:026}")))),
        ]
    }

    fn journal() -> impl Strategy<Value = Journal> {
        let entry = (any::<[u8; 32]>(), demand(), reply()).prop_map(|(request, demand, reply)| Entry {
            request,
            demand,
            reply,
        });
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
