//! Times on the wire: RFC 3339 in UTC, with milliseconds.

use crate::model::Timestamp;

/// `2026-11-21T10:00:00.000Z`.
pub(super) fn text(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    format!("{time:.3}")
}

/// Reads RFC 3339.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(text(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(Timestamp(1_795_255_200_123)), "2026-11-21T10:00:00.123Z");
        assert_eq!(parse("2026-11-21T11:00:00+01:00"), Some(Timestamp(1_795_255_200_000)));
        assert_eq!(parse("yesterday"), None);
    }
}
