//! Limits of one call that its caller can feel.

use std::time::Duration;

/// How long a call may take unless the caller says otherwise: longer than providers' slow operations, shorter than the
/// patience of most HTTP clients (60 s).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a call may take at most: what load balancers commonly allow an idle connection.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of a tool's input: room for an attached document, well below a guest's 64 MiB of memory, in which it exists
/// several times over.
pub const MAX_INPUT: usize = 4 * 1024 * 1024;

/// Bytes of an action type that no tool has: some words, and no room for content.
pub(super) const MAX_ACTION_TYPE: usize = 128;

/// Candidates that an error message names before it says "and more".
pub(super) const MAX_NAMED: usize = 5;

/// How long a call waits for its user to answer: over a week-end and a day off.
pub(super) const INPUT_PATIENCE: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// How long an idempotency key is taken after its call has ended: whoever lost an answer asks again within minutes, or
/// when a job runs anew the next day.
pub(super) const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long whoever cancels a call waits for it to stop: a guest stops at its next tick of some milliseconds, and its
/// outcome is on disk soon after, unless the disk is the reason why somebody cancels.
pub(super) const CANCEL_PATIENCE: Duration = Duration::from_secs(10);
