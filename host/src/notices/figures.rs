//! The figures of notices: what became of attempts, and how long the oldest has waited.

use super::Notices;

const NOTICES: &str = "gloveport_notices_total";
const OLDEST: &str = "gloveport_notices_oldest_pending_seconds";

/// Registers the meaning of each figure.
pub fn describe_metrics() {
    let total = "Attempts to deliver a notice: delivered, failed (it is tried again), dead (it was the last)";
    metrics::describe_counter!(NOTICES, total);
    let oldest = "How long ago the oldest thing happened that a webhook was not told of yet";
    metrics::describe_gauge!(OLDEST, metrics::Unit::Seconds, oldest);
}

/// Counts one attempt.
pub(super) fn count(outcome: &'static str) {
    metrics::counter!(NOTICES, "outcome" => outcome).increment(1);
}

impl Notices {
    /// Brings the gauge up to date: when somebody looks.
    pub async fn note_oldest(&self) {
        let Ok(oldest) = self.0.store.oldest_pending_notice().await else { return };
        let waited = oldest.map_or(0, |at| self.0.clock.now().0.saturating_sub(at.0).max(0));
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 milliseconds are long enough")]
        metrics::gauge!(OLDEST).set(waited as f64 / 1_000.0);
    }
}
