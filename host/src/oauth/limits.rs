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

/// The longest before its end that a token is replaced: hosts' clocks differ by seconds, and a provider that is down for
/// a minute or two does not matter then.
pub(super) const AHEAD: Duration = Duration::from_secs(300);

/// The life of a token of which nobody knows when it began: what most vendors give.
pub(super) const USUAL_LIFETIME: Duration = Duration::from_secs(3_600);

/// How long a host may take to get a token and store it. Longer than asking takes at most ([`TIMEOUT`]) and than storing
/// is tried ([`STORE_AGAIN`]), so that nobody asks a second time while an answer may still come.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// How long a call waits for another host that gets a token: a little longer than that host may take.
pub(super) const WAIT: Duration = Duration::from_secs(65);

/// Between two looks at whether another host has got a token: short beside what asking a provider takes.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// How old a token must be for its refusal to mean that another one would do better: who refuses one that was given a
/// moment ago refuses the next one too.
pub(super) const YOUNG: Duration = Duration::from_secs(10);

/// After a failure, how long those who have a token that holds do not ask again.
pub(super) const REST: Duration = Duration::from_secs(30);

/// How long is waited before what came is stored once more: together less than half of [`LEASE`].
pub(super) const STORE_AGAIN: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Accounts that are remembered as just refreshed, after which those that nobody waits for are forgotten: each has about
/// two hundred bytes.
pub(super) const MAX_FLIGHTS: usize = 16_384;

/// How long the removal of an account waits for its provider: most answer in less, and nobody should look at a spinner for
/// the others.
pub(super) const REVOKED_AT_ONCE: Duration = Duration::from_secs(5);

/// How long is waited before a provider is told once more to end tokens: outages of minutes and of days, and then it is
/// given up, since most tokens have ended by themselves.
pub(super) const REVOKE_AGAIN: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(24 * 3_600),
    Duration::from_secs(3 * 24 * 3_600),
];
