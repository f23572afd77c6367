//! Whether the clock can be trusted: credentials expire by it.

use std::time::Instant;

use jiff::fmt::rfc2822::DateTimeParser;

use super::Check;
use crate::model::{Clock, Timestamp};

/// 2026-01-01T00:00:00Z, the year this was built in: an earlier time is wrong for sure.
const BUILT: Timestamp = Timestamp(1_767_225_600_000);
/// 2100-01-01T00:00:00Z: certificates and tokens reach no further.
const FAR: Timestamp = Timestamp(4_102_444_800_000);
/// Milliseconds that wall and monotonic clock may part within one run: more than any slewing, less than a step.
const STEP_MS: u64 = 500;
/// Milliseconds between two hosts that are nothing unusual: an HTTP date has whole seconds, and the answer travels.
const SKEW_MS: u64 = 5_000;
/// Milliseconds between two hosts at which providers refuse signed requests.
const BROKEN_SKEW_MS: u64 = 5 * 60 * 1000;

const ADVICE: &str = "set the time and keep it right with an NTP client; credentials expire by this clock";

/// Both clocks when the looking began.
pub(super) struct Watch {
    wall: Timestamp,
    monotonic: Instant,
}

impl Watch {
    pub(super) fn start() -> Self {
        Self { wall: Clock::system().now(), monotonic: Instant::now() }
    }

    /// How the clocks behaved since.
    pub(super) fn check(&self) -> Check {
        let elapsed = i64::try_from(self.monotonic.elapsed().as_millis()).unwrap_or(i64::MAX);
        check(self.wall, Clock::system().now(), elapsed)
    }
}

fn check(start: Timestamp, end: Timestamp, elapsed_ms: i64) -> Check {
    let shown = jiff::Timestamp::from_millisecond(end.0).map_or_else(|_| end.0.to_string(), |time| time.to_string());
    if end < BUILT || end > FAR {
        return Check::fail("clock", format!("it says {shown}, which cannot be"), ADVICE);
    }
    let parted = end.0.saturating_sub(start.0).saturating_sub(elapsed_ms);
    if parted.unsigned_abs() > STEP_MS {
        return Check::warn("clock", format!("it was set by {parted} ms while this ran"), ADVICE);
    }
    Check::ok("clock", shown)
}

/// Compares this machine's time with the `Date` header of a host.
pub(super) fn compare(date: Option<&str>, now: Timestamp) -> Check {
    let Some(theirs) = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok()) else {
        return Check::warn("host clock", "the host sends no readable date", "look whether a proxy removes it");
    };
    let skew = now.0.saturating_sub(theirs.as_millisecond()).unsigned_abs();
    let detail = format!("{}.{:03} s apart from this machine", skew / 1000, skew % 1000);
    if skew <= SKEW_MS {
        Check::ok("host clock", detail)
    } else if skew <= BROKEN_SKEW_MS {
        Check::warn("host clock", detail, ADVICE)
    } else {
        Check::fail("host clock", detail, ADVICE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    #[test]
    fn a_clock_that_cannot_be_right_or_jumps_is_noticed() {
        let cases = [
            (NOW, NOW + 10, 10, Status::Ok),
            (NOW, NOW + 510, 10, Status::Ok),
            (NOW, NOW + 511, 10, Status::Warn),
            (NOW, NOW - 491, 10, Status::Warn),
            (0, 10, 10, Status::Fail),
            (BUILT.0 - 1, BUILT.0 - 1, 0, Status::Fail),
            (FAR.0 + 1, FAR.0 + 1, 0, Status::Fail),
            (i64::MIN, i64::MAX, 0, Status::Fail),
        ];
        for (start, end, elapsed, expected) in cases {
            assert_eq!(check(Timestamp(start), Timestamp(end), elapsed).status, expected, "{start} {end} {elapsed}");
        }
    }

    #[test]
    fn hosts_may_be_seconds_apart_and_not_minutes() {
        // NOW is 2026-09-21T14:13:20Z.
        let cases = [
            (Some("Mon, 21 Sep 2026 14:13:20 GMT"), Status::Ok),
            (Some("Mon, 21 Sep 2026 14:13:25 GMT"), Status::Ok),
            (Some("Mon, 21 Sep 2026 14:13:26 GMT"), Status::Warn),
            (Some("Mon, 21 Sep 2026 14:13:14 GMT"), Status::Warn),
            (Some("Mon, 21 Sep 2026 14:08:20 GMT"), Status::Warn),
            (Some("Mon, 21 Sep 2026 14:08:19 GMT"), Status::Fail),
            (Some("Thu, 01 Jan 1970 00:00:00 GMT"), Status::Fail),
            (Some("yesterday"), Status::Warn),
            (Some(""), Status::Warn),
            (None, Status::Warn),
        ];
        for (date, expected) in cases {
            let check = compare(date, Timestamp(NOW));
            assert_eq!(check.status, expected, "{date:?} {check:?}");
        }
    }
}
