//! Limits of getting tokens, each with the reason for its number.

use std::time::Duration;

/// Time for one request to a token endpoint. Slow ones take a few seconds; a call waits meanwhile.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of a token endpoint's answer. A token has at most a few kilobytes, an identity token beside it some more.
pub(super) const MAX_ANSWER: usize = 128 * 1024;

/// Bytes of a token. Headers have to hold it, and servers refuse more than 8 to 16 KiB of these.
pub(super) const MAX_TOKEN: usize = 16 * 1024;

/// Characters of what a provider says that are kept: a sentence or two, for people.
pub(super) const MAX_REASON: usize = 300;

/// The longest that a token is believed to hold: ten years. What is said beyond that is a mistake, or means "for ever".
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// Scopes of one account: the vendors with the most have a few hundred.
pub(super) const MAX_SCOPES: usize = 512;
