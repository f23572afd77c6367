//! When a notice that was not taken is sent again.

use std::time::Duration;

use super::limits::{SPREAD, WAITS};

/// How long to wait after so many failures, this one included; `None` to give up. `chance` spreads what failed together.
pub(super) fn wait(failures: u32, chance: u32) -> Option<Duration> {
    let at = usize::try_from(failures.checked_sub(1)?).ok()?;
    let step = WAITS.get(at)?;
    Some(step.mul_f64(1.0 + SPREAD * f64::from(chance) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let seconds: Vec<u64> = (1..=9).map(|failures| wait(failures, 0).unwrap().as_secs()).collect();
        assert_eq!(seconds, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        for failures in 1..=9 {
            let (least, most) = (wait(failures, 0).unwrap(), wait(failures, u32::MAX).unwrap());
            assert!(most > least && most <= least.mul_f64(1.2), "{failures}");
            assert!((least..=most).contains(&wait(failures, u32::MAX / 3).unwrap()));
        }
        for failures in [0, 10, 11, u32::MAX] {
            assert_eq!(wait(failures, 7), None, "{failures}");
        }
    }
}
