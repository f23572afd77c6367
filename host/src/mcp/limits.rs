//! Limits of MCP clients.

use std::time::Duration;

/// Bytes of a request: a tool's input (4 MiB) and its envelope, as in the API.
pub(super) const BODY: usize = 5 * 1024 * 1024;

/// How long a request's body may take to arrive: four megabytes over a slow line. Whoever sends a byte a minute would
/// otherwise hold a connection for ever.
pub(super) const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// Tools of one page: many clients never ask for a second one, and a thousand schemas of a kilobyte are a megabyte.
pub(super) const PAGE: usize = 1_000;

/// How long a client may keep a list without asking again, in milliseconds: it hears of changes if it listens, and a minute
/// late otherwise.
pub(super) const LIST_FRESH_MS: u64 = 60_000;

/// How long what a call came to may be kept by a client, in milliseconds: it never changes.
pub(super) const RESULT_FRESH_MS: u64 = 3_600_000;

/// How long a resource of a connector may be kept by a client, in milliseconds: nobody hears that it has changed.
pub(super) const RESOURCE_FRESH_MS: u64 = 0;

/// Bytes that are shown of a result that is cut: enough to see what it is.
pub(super) const HEAD: usize = 4 << 10;

/// Streams of listening clients on this host, each of which holds a connection and some kilobytes.
pub(super) const STREAMS: usize = 10_000;

/// Streams of one caller: some programs, each with some windows.
pub(super) const STREAMS_OF_ONE: usize = 32;

/// How long a stream lasts, after which clients open another one: so that none is forgotten on either side.
pub(super) const STREAM_LIFE: Duration = Duration::from_secs(60 * 60);

/// How often a list is looked at for those who listen: people notice a new tool after some seconds.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How often a silent stream says that it is there: below the minute after which proxies close idle connections.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long the state of a question to a client is taken: as long as a person may need to find somebody who approves, and
/// not so long that a copy of it is of use later.
pub(super) const STATE_LIFE: Duration = Duration::from_secs(60 * 60);

/// Bytes of such a state: ours have some 200.
pub(super) const STATE: usize = 2_048;

/// How long a client that comes back waits for a call to end: below the patience of clients (60 s).
pub(super) const WAIT: Duration = Duration::from_secs(25);

/// How often its record is looked at meanwhile.
pub(super) const LOOK_AT_CALL: Duration = Duration::from_millis(100);

/// How often a client looks at a task, in milliseconds: people who approve take longer, and a look is one row.
pub(super) const LOOK_AT_TASK_MS: u64 = 2_000;

/// Reports of a guest's progress that wait to be told: more than anybody looks at while a client reads slowly.
pub(super) const PROGRESS_KEPT: usize = 64;

/// Tools that a search gives at most: more than a model compares.
pub(super) const FOUND: usize = 50;

/// Tools that a search gives if not asked for another number.
pub(super) const FOUND_USUALLY: usize = 10;
