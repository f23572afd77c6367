//! Every limit of notices, with the reason for its number.

use std::time::Duration;

/// Webhooks of one project. Each that listens is a row for everything that happens; programs that need more than a few
/// have a queue of their own behind one.
pub const MAX_WEBHOOKS: u32 = 50;

/// Bytes of a webhook's URL. Receivers put a token into it; nobody puts more than that.
pub(super) const MAX_URL: usize = 2_048;

/// How often it is looked whether something is due: the first wait after a failure. What is written by this host is sent
/// at once.
pub(super) const TURN: Duration = Duration::from_secs(5);

/// How often what is old is removed.
pub(super) const SWEEP: Duration = Duration::from_secs(60);

/// Webhooks that are sent to at the same time: more than fail at once, few enough connections for a small machine.
pub(super) const MAX_LANES: usize = 64;

/// Notices on their way to one webhook at the same time: receivers are small programs. They share two waits for the disk.
pub(super) const PER_LANE: u32 = 8;

/// Time for one attempt, the answer's body included: what the specification advises receivers to stay below.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);

/// How long a host has a notice to itself: an attempt, and four times that for a slow disk. If the host ends meanwhile,
/// another one waits so long.
pub(super) const LEASE: Duration = Duration::from_secs(75);

/// How long a host that stops waits for attempts under way. One that is cut off is made again.
pub(super) const STOP: Duration = Duration::from_secs(5);

/// Waits after each attempt but the last, as the specification lists them: an hour of trouble is over after four
/// attempts, a weekend of it before the last.
pub(super) const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
    Duration::from_secs(14 * 60 * 60),
    Duration::from_secs(20 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// Waits are up to a fifth longer, so that what failed together does not come back together.
pub(super) const SPREAD: f64 = 0.2;

/// Attempts that a notice's record tells of, the last ones: two whole rounds.
pub(super) const MAX_ATTEMPTS_KEPT: usize = 20;

/// How long the secret before the current one signs as well: a day for whoever deploys the new one.
pub(super) const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// How long what was delivered can be looked at: a week, in which somebody asks what a program was told.
pub(super) const DELIVERED_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long what was given up can be sent again, and what waits for a webhook that is off waits.
pub(super) const GIVEN_UP_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
