//! Points of a call at which a test can take the process away, in builds with the feature `fault-points`.

/// A point of a call. In a build without the feature, passing one does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// Tool, connection and account are found.
    Resolved,
    /// Policies have spoken.
    Decided,
    /// A batch of records is about to be on disk.
    Committing,
    /// A batch of records is on disk, and nobody knows.
    Committed,
    /// The call's record is on disk.
    Recorded,
    /// The credential is open.
    Granted,
    /// A request is about to leave.
    Leaving,
    /// A request was answered.
    Answered,
    /// The guest was stopped at a write.
    Stopped,
    /// The call waits, and nobody knows.
    Waiting,
    /// A person's decision is on disk.
    DecisionKept,
    /// A call whose own calls have ended is to go on, and nobody knows.
    Woken,
    /// A call that waited is about to go on.
    GoingOn,
    /// The guest has ended.
    Ended,
    /// The call's outcome is on disk, and nobody knows.
    OutcomeKept,
    /// A token endpoint has answered, and nothing of it is on disk. Only calls pass it that need another token.
    TokenAnswered,
    /// Several changes are about to be made at once. Only what applies files or sets a client passes it.
    Joining,
    /// They are made, and nobody knows.
    Joined,
}

impl FaultPoint {
    /// Those that every call passes, in this order.
    pub const ALL: [Self; 15] = [
        Self::Resolved,
        Self::Decided,
        Self::Committing,
        Self::Committed,
        Self::Recorded,
        Self::Granted,
        Self::Leaving,
        Self::Answered,
        Self::Stopped,
        Self::Waiting,
        Self::DecisionKept,
        Self::Woken,
        Self::GoingOn,
        Self::Ended,
        Self::OutcomeKept,
    ];

    /// Its name in [`VARIABLE`].
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Ends the process here, without any farewell, if the environment asks for it.
    pub fn pass(self) {
        #[cfg(feature = "fault-points")]
        armed::pass(self);
    }
}

/// Names a point and how often it is passed until the process ends there, such as `Leaving:2`.
pub const VARIABLE: &str = "GLOVEPORT_FAULT_POINT";

#[cfg(feature = "fault-points")]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{FaultPoint, VARIABLE};

    #[expect(clippy::disallowed_methods, reason = "this is the configuration's only reader of this variable")]
    static ASKED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let asked = std::env::var(VARIABLE).ok()?;
        let (name, times) = asked.split_once(':')?;
        Some((name.to_owned(), times.parse().ok()?))
    });

    static PASSED: AtomicU32 = AtomicU32::new(0);

    pub(super) fn pass(point: FaultPoint) {
        if let Some((name, times)) = &*ASKED
            && *name == point.name()
            && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *times
        {
            std::process::abort();
        }
    }
}
