//! Asks again where a provider says "not now", and where asking again cannot do a thing twice.

use std::time::Duration;

use jiff::fmt::rfc2822;

use super::Response;
use super::limits::{ATTEMPTS, BACKOFF, RETRY_AFTER};

/// Answers that say "later": too many requests, or out of service for a while.
const LATER: [u16; 2] = [429, 503];

/// How long to wait before the same request is sent again; `None` if its answer is what the guest gets.
///
/// `attempt` counts from 1. `left` is what is left of the call's time: a wait that would use it up is not begun, so that
/// the guest hears what the provider said and not that time is over. `chance` spreads those who were turned away
/// together.
pub(super) fn pause(answer: &Response, attempt: u32, left: Duration, chance: u32) -> Option<Duration> {
    if !LATER.contains(&answer.status) || attempt >= ATTEMPTS {
        return None;
    }
    let wait = match header(answer, "retry-after") {
        Some(text) => asked_for(text, header(answer, "date")).unwrap_or_else(|| backoff(attempt, chance)),
        None => backoff(attempt, chance),
    };
    (wait <= RETRY_AFTER && wait < left).then_some(wait)
}

/// Between half of the step and all of it; each step is twice the one before.
fn backoff(attempt: u32, chance: u32) -> Duration {
    let step = BACKOFF * 2_u32.saturating_pow(attempt.saturating_sub(1));
    step / 2 + (step / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

/// What `Retry-After` says: seconds, or a date, which is read by the provider's own clock.
fn asked_for(text: &str, date: Option<&str>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has are longer than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let (until, now) = (moment(text)?, moment(date?)?);
    // A date that has passed says "now".
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or_default()))
}

fn moment(text: &str) -> Option<i64> {
    rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp().as_second())
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        Response {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: bytes::Bytes::new(),
            truncated: false,
            scrubbed: 0,
            sent_bytes: 0,
            received_bytes: 0,
        }
    }

    #[test]
    fn only_answers_that_say_later_are_asked_again_and_not_for_ever() {
        for status in [200, 201, 301, 400, 401, 403, 404, 408, 409, 425, 500, 501, 502, 504] {
            assert_eq!(pause(&answer(status, &[("retry-after", "0")]), 1, LONG, 0), None, "{status}");
        }
        for status in LATER {
            let answer = answer(status, &[("retry-after", "0")]);
            for attempt in 1..ATTEMPTS {
                assert_eq!(pause(&answer, attempt, LONG, 0), Some(Duration::ZERO));
            }
            assert_eq!(pause(&answer, ATTEMPTS, LONG, 0), None);
            assert_eq!(pause(&answer, u32::MAX, LONG, 0), None);
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        let seconds = |text: &str| pause(&answer(429, &[("retry-after", text), ("date", DATE)]), 1, LONG, u32::MAX);
        for (text, expected) in [
            ("0", 0),
            ("1", 1),
            (" 7 ", 7),
            ("30", 30),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:42 GMT", 5),
            ("Sat, 05 Nov 1994 08:49:42 GMT", 0),
        ] {
            assert_eq!(seconds(text), Some(Duration::from_secs(expected)), "{text}");
        }
        // Longer than anybody waits: the guest is told.
        for text in ["31", "3600", "99999999999999999999999", "Mon, 07 Nov 1994 08:49:37 GMT"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        // What cannot be read is as if it were not there.
        for text in ["", "-1", "1.5", "soon", "0x10", "1e1", "Sun, 06 Nov 1994 08:49:42 CET?"] {
            assert_eq!(seconds(text), Some(BACKOFF), "{text:?}");
        }
        let no_date = answer(429, &[("retry-after", "Sun, 06 Nov 1994 08:49:42 GMT")]);
        assert_eq!(pause(&no_date, 1, LONG, u32::MAX), Some(BACKOFF));
    }

    #[test]
    fn without_a_word_the_wait_doubles_and_is_spread() {
        let plain = answer(503, &[]);
        for attempt in 1..ATTEMPTS {
            let step = BACKOFF * 2_u32.pow(attempt - 1);
            assert_eq!(pause(&plain, attempt, LONG, 0), Some(step / 2));
            assert_eq!(pause(&plain, attempt, LONG, u32::MAX), Some(step));
            let middle = pause(&plain, attempt, LONG, u32::MAX / 2).unwrap();
            assert!(middle > step / 2 && middle < step, "{middle:?}");
        }
    }

    #[test]
    fn no_wait_uses_up_the_calls_time() {
        let answer = answer(429, &[("retry-after", "5")]);
        assert_eq!(pause(&answer, 1, Duration::from_secs(5), 0), None);
        assert_eq!(pause(&answer, 1, Duration::from_millis(5_001), 0), Some(Duration::from_secs(5)));
        assert_eq!(pause(&answer, 1, Duration::ZERO, 0), None);
    }
}
