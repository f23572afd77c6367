//! Limits of modifiers, each with the reason for its number.

use std::time::Duration;

/// Steps of one modifier: what a person reads on two screens.
pub(super) const STEPS: usize = 64;

/// Bytes of all steps of one modifier: values that people write, not documents.
pub(super) const STEPS_BYTES: usize = 256 * 1024;

/// Modifiers of one project. All that fit a call run in it, one after the other.
pub(super) const MODIFIERS: usize = 200;

/// Patterns of tools, or names of connections, of one modifier: beyond that a pattern with `*` says it better.
pub(super) const NAMES: usize = 64;

/// Paths of one `pick`: a record of a large API has some hundred fields.
pub(super) const PATHS: usize = 256;

/// Bytes of a path.
pub(super) const PATH_BYTES: usize = 1_024;

/// Names in a path: deeper than any answer that people read.
pub(super) const PATH_DEPTH: usize = 32;

/// Members and elements that one modifier looks at: some tenths of a second, and as many rows as an answer of 8 MiB has if
/// each is a number. Then it is stopped.
pub(super) const WORK: usize = 1_000_000;

/// Bytes of an output once it is modified: what a connector may answer.
pub(super) const OUTPUT_BYTES: usize = crate::runtime::limits::OUTPUT_BYTES;

/// Bytes of a modifier's component: what interpreters' toolchains make, and less than connectors may have because it
/// comes as base64 within JSON.
pub(super) const COMPONENT_BYTES: usize = 20 * 1024 * 1024;

/// Positions that modifiers can have: room to put some between others.
pub(super) const MAX_POSITION: i64 = 1_000_000_000;

/// The position of a modifier that says none: there is room on both sides.
pub(super) const USUAL_POSITION: i64 = 1_000;

/// How long the components on one side of a call may take together, waiting for slots of the pool included: they compute,
/// and wait for nobody.
pub(super) const COMPONENTS_TIMEOUT: Duration = Duration::from_secs(10);
