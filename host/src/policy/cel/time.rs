//! Timestamps, durations and time zones as conditions write them.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::number::Number;
use super::plan::Part;

/// Units of a duration, in nanoseconds, longer names first.
const UNITS: [(&str, i128); 7] = [
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// The longest fraction of a unit: digits beyond it are below a nanosecond, even of an hour.
const FRACTION_MAX: usize = 12;

/// Reads an RFC 3339 timestamp; it must say its offset.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Reads a duration: `1h30m`, `-1.5h`, `250ms`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0_i128;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (amount, after) = rest.split_at(digits);
        let (unit, size) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.len() > FRACTION_MAX {
            return None;
        }
        let power = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let whole: i128 = whole.parse().ok()?;
        let fraction: i128 = fraction.parse().ok()?;
        let part = whole.checked_mul(*size)?.checked_add(fraction.checked_mul(*size)? / power)?;
        nanos = nanos.checked_add(part)?;
        rest = &after[unit.len()..];
    }
    let nanos = if text.starts_with('-') { -nanos } else { nanos };
    let seconds = i64::try_from(nanos / 1_000_000_000).ok()?;
    let below = i32::try_from(nanos % 1_000_000_000).ok()?;
    Some(SignedDuration::new(seconds, below))
}

/// Finds a time zone: `UTC`, a name such as `Europe/Berlin`, or a fixed offset such as `+02:00`.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let negative = name.starts_with('-');
    let Some((hours, minutes)) = name.trim_start_matches(['+', '-']).split_once(':') else {
        return TimeZoneDatabase::bundled().get(name).ok();
    };
    let two = |text: &str, limit: i32| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &i32| plain && *number < limit)
    };
    let seconds = two(hours, 15)? * 3_600 + two(minutes, 60)? * 60;
    Offset::from_seconds(if negative { -seconds } else { seconds }).ok().map(TimeZone::fixed)
}

/// A part of a timestamp; months, days of month and days of year count from 0, days of the week from Sunday.
pub(super) fn part_of_time(part: Part, time: Timestamp, zone: &TimeZone) -> Number<'static> {
    let local = zone.to_datetime(time);
    let number = match part {
        Part::FullYear => i64::from(local.year()),
        Part::Month => i64::from(local.month()) - 1,
        Part::Date => i64::from(local.day()),
        Part::DayOfMonth => i64::from(local.day()) - 1,
        Part::DayOfWeek => i64::from(local.weekday().to_sunday_zero_offset()),
        Part::DayOfYear => i64::from(local.day_of_year()) - 1,
        Part::Hours => i64::from(local.hour()),
        Part::Minutes => i64::from(local.minute()),
        Part::Seconds => i64::from(local.second()),
        Part::Milliseconds => i64::from(local.millisecond()),
    };
    Number::whole(number)
}

/// How many whole hours, minutes or seconds a duration has; its milliseconds beyond the seconds.
pub(super) fn part_of_duration(part: Part, duration: SignedDuration) -> Option<Number<'static>> {
    let number = match part {
        Part::Hours => duration.as_hours(),
        Part::Minutes => duration.as_mins(),
        Part::Seconds => duration.as_secs(),
        Part::Milliseconds => i64::from(duration.subsec_millis()),
        _ => return None,
    };
    Some(Number::whole(number))
}
