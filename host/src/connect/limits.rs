//! How long, and how often.

use std::time::Duration;

/// How long a link works: time to read a message and find a key, too short for the message to lie around.
pub const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How often credentials that do not work may be filled in: enough for slips, too few to try out stolen ones.
pub const MAX_ATTEMPTS: u32 = 10;

/// Scopes asked for besides the connection's: no vendor has so many for one application.
pub(super) const MAX_SCOPES: usize = 100;

/// Bytes of a scope: the longest known ones are URLs of some eighty.
pub(super) const MAX_SCOPE: usize = 256;

/// Bytes of the application's URL and of its own `state`, together a URL that every browser takes.
pub(super) const MAX_VERIFY: usize = 1_024;
