//! Time, randomness and progress: recorded by the host, so that a replayed call sees the same.

/// The time. Wants `clock` among the connector's `imports`.
pub mod clock {
    /// Milliseconds since 1970-01-01T00:00:00Z. Stands still during one call.
    pub fn now_ms() -> u64 {
        crate::host::now()
    }
}

/// Random bytes. Wants `random` among the connector's `imports`.
pub mod random {
    /// `count` random bytes; the host gives at most 1,024 a call.
    pub fn bytes(count: u32) -> Vec<u8> {
        crate::host::bytes(count)
    }
}

/// How far a long call has come. Wants `progress` among the connector's `imports`.
pub mod progress {
    /// Tells whoever waits. `total` is zero where it is not known.
    pub fn report(done: u64, total: u64, message: &str) {
        crate::host::report(done, total, message);
    }
}
