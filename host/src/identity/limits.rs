//! Limits of tokens and of the keys that they are checked with, each with the reason for its number.

use std::time::Duration;

/// Bytes of a token. Those of directories that list a user's groups reach six kilobytes; a header of a proxy ends at eight.
pub(super) const TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of an issuer and this host may be apart. Both follow a time server, which keeps them within a second;
/// half a minute forgives one that was started a moment ago, and lengthens no theft worth the name.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// How long a token of this host is taken. Whoever has its secret gets another one in a millisecond; whoever stole only the
/// token has it for a quarter of an hour.
pub const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long an issuer's keys are taken as they were read. Issuers publish a new key hours before they sign with it, and one
/// that they sign with at once is looked for at once, because its name is not known.
pub(super) const KEYS_FRESH: Duration = Duration::from_secs(10 * 60);

/// How long keys are taken that could not be read again: an issuer's outage over night does not lock everybody out, and a
/// key that was withdrawn is not taken for longer than a day.
pub(super) const KEYS_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The least time between two requests to one issuer, whatever the tokens say: a flood of tokens with unknown keys is two
/// requests a minute, and who signs with a new key waits half a minute at most.
pub const FETCH_FLOOR: Duration = Duration::from_secs(30);

/// Time for one request to an issuer. Somebody waits for it with a call that has not begun.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a set of keys, or of an issuer's metadata. Ten keys with certificates have 40 KB.
pub(super) const DOCUMENT_BYTES: usize = 256 * 1024;

/// Keys of one issuer. Those in use have three to ten.
pub(super) const KEYS: usize = 64;

/// Issuers whose keys are kept in memory. Each is some kilobytes; what is not kept is read again.
pub(super) const ISSUERS: usize = 256;

/// Characters of a subject, a user or an organization that a token names: what accounts take.
pub(super) const NAME_CHARS: usize = 256;

/// Callers by token that are remembered as written down. What is not remembered is written again, which changes nothing.
pub(super) const PRINCIPALS: usize = 4_096;
