//! A moment, moved and written.

use std::time::Duration;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment moved by `duration`, saturating at the ends of the range.
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// This moment moved back by `duration`, saturating at the ends of the range.
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// As RFC 3339 writes it, in UTC with milliseconds: `2026-11-21T10:00:00.000Z`. A moment that no calendar has is
    /// written as the first of 1970.
    pub fn to_rfc3339(self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        format!("{time:.3}")
    }

    /// Reads what RFC 3339 allows, with any offset.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(Self(time.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(1_795_255_200_123).to_rfc3339(), "2026-11-21T10:00:00.123Z");
        assert_eq!(Timestamp::parse_rfc3339("2026-11-21T11:00:00+01:00"), Some(Timestamp(1_795_255_200_000)));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }
}
