//! What is kept of calls besides their records, and for how long.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

/// Of which calls input, journal and output are kept, sealed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum KeepBodies {
    /// Of all.
    All,
    /// Of those that wait for a person, and of those that nobody waits for.
    Waiting,
    /// Of none: then no call can wait, and none can go on by itself.
    None,
}

/// What is written under `[records]`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrittenRetention {
    /// Of all calls if absent.
    pub bodies: Option<KeepBodies>,
    /// Whole days.
    pub bodies_kept_days: Option<u32>,
    /// Whole days.
    pub executions_kept_days: Option<u32>,
    /// Bytes of an output that is answered whole.
    pub answer_bytes: Option<usize>,
}

/// What is kept of calls, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of which calls bodies are kept.
    pub bodies: KeepBodies,
    /// How long bodies are kept after their call has ended.
    pub bodies_for: Duration,
    /// How long records of calls that have ended are kept.
    pub executions_for: Duration,
    /// An output that is longer is cut in the answer where it is kept: whoever asked fetches the rest.
    pub answer_bytes: usize,
}

/// How long bodies are kept unless the operator says otherwise: whoever looks on any day of a week at all of the week
/// before finds them, and what may be personal data is gone within a month.
const BODIES_KEPT_DAYS: u32 = 14;

/// How long records are kept unless the operator says otherwise: until the same month of the next year has been looked
/// at. A record without its bodies is about a kilobyte.
const EXECUTIONS_KEPT_DAYS: u32 = 400;

/// An output of this length is answered whole unless the operator says otherwise: 1 MiB is more than any model reads at
/// once, and a listing of thousands of items.
const ANSWER_BYTES: usize = 1 << 20;

/// The least that can be answered whole: shorter ones would be cut that are no trouble to anybody.
const MIN_ANSWER_BYTES: usize = 1 << 10;

/// The most: no connector may answer more (`runtime::limits::OUTPUT_BYTES`).
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// The least: an idempotency key answers for a day, and what it answers with has to be there.
const MIN_KEPT_DAYS: u32 = 1;

/// The most: ten years, which is what the longest duties to keep records commonly ask for. A larger number is a mistake
/// in the unit.
const MAX_KEPT_DAYS: u32 = 3_660;

impl Retention {
    /// What is used, from what was written.
    pub(super) fn resolve(written: WrittenRetention) -> Result<Self, ConfigError> {
        let executions = days("executions_kept_days", written.executions_kept_days)?.unwrap_or(EXECUTIONS_KEPT_DAYS);
        let bodies = match days("bodies_kept_days", written.bodies_kept_days)? {
            Some(days) if days > executions => {
                let reason = format!("bodies go with their records, which are kept for {executions} days");
                return Err(ConfigError::Value { name: "bodies_kept_days", value: days.to_string(), reason });
            }
            Some(days) => days,
            None => BODIES_KEPT_DAYS.min(executions),
        };
        let answer_bytes = written.answer_bytes.unwrap_or(ANSWER_BYTES);
        if !(MIN_ANSWER_BYTES..=MAX_ANSWER_BYTES).contains(&answer_bytes) {
            let reason = format!("expected {MIN_ANSWER_BYTES} to {MAX_ANSWER_BYTES}");
            return Err(ConfigError::Value { name: "answer_bytes", value: answer_bytes.to_string(), reason });
        }
        Ok(Self {
            answer_bytes,
            bodies: written.bodies.unwrap_or(KeepBodies::All),
            bodies_for: of_days(bodies),
            executions_for: of_days(executions),
        })
    }
}

fn days(name: &'static str, written: Option<u32>) -> Result<Option<u32>, ConfigError> {
    match written {
        Some(days) if !(MIN_KEPT_DAYS..=MAX_KEPT_DAYS).contains(&days) => {
            let reason = format!("expected {MIN_KEPT_DAYS} to {MAX_KEPT_DAYS}");
            Err(ConfigError::Value { name, value: days.to_string(), reason })
        }
        days => Ok(days),
    }
}

const fn of_days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Retention, String> {
        let written = toml::from_str(text).map_err(|error| error.to_string())?;
        Retention::resolve(written).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_written_has_a_reason() {
        let usual = resolve("").unwrap();
        let (two_weeks, most) = (of_days(BODIES_KEPT_DAYS), of_days(EXECUTIONS_KEPT_DAYS));
        let whole = Retention {
            bodies: KeepBodies::All,
            bodies_for: two_weeks,
            executions_for: most,
            answer_bytes: ANSWER_BYTES,
        };
        assert_eq!(usual, whole);
        let week = resolve("bodies = \"waiting\"\nexecutions_kept_days = 7").unwrap();
        let seven = of_days(7);
        assert_eq!(week, Retention { bodies: KeepBodies::Waiting, bodies_for: seven, executions_for: seven, ..whole });
        assert_eq!(resolve("bodies = \"none\"").unwrap().bodies, KeepBodies::None);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, said) in [
            ("bodies = \"some\"", "some"),
            ("bodies = \"All\"", "All"),
            ("bodies = true", "bodies"),
            ("body = \"all\"", "body"),
            ("answer_bytes = 1023", "answer_bytes"),
            ("answer_bytes = 8388609", "answer_bytes"),
            ("bodies_kept_days = 0", "bodies_kept_days"),
            ("bodies_kept_days = -1", "-1"),
            ("bodies_kept_days = 3661", "bodies_kept_days"),
            ("executions_kept_days = 0", "executions_kept_days"),
            ("executions_kept_days = 4000000000", "executions_kept_days"),
            ("executions_kept_days = \"7d\"", "7d"),
            ("bodies_kept_days = 8\nexecutions_kept_days = 7", "go with their records"),
        ] {
            let error = resolve(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
