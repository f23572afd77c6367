//! Numbers within what a schema allows, of a size that fits their name.

use serde_json::{Number, Value};

use super::conjunction::Conjunction;
use super::draw::Draw;

/// Beyond this floats have no fractions, and nobody bounds what is counted.
const FAR: i128 = 1 << 62;

/// The beginning of 2025, in seconds since 1970: made-up moments are in the year after it.
const MOMENTS: i128 = 1_735_689_600;

const YEAR: u64 = 365 * 24 * 60 * 60;

/// A number; `None` if none fits.
pub(super) fn made(all: &Conjunction<'_>, integer: bool, name: &str, draw: &mut Draw) -> Option<Value> {
    let (low, high) =
        (bound(all, "minimum", "exclusiveMinimum", true), bound(all, "maximum", "exclusiveMaximum", false));
    let step = step(all);
    let usual = usual(name, draw);
    let (from, to) = (low.unwrap_or(-FAR), high.unwrap_or(FAR));
    if let Some(whole) = within(usual, from, to, step, low.is_some(), draw) {
        return i64::try_from(whole).ok().map(Value::from);
    }
    if integer { None } else { between(all) }
}

/// A multiple of `step` from `from` to `to`, near what is usual.
fn within(usual: i128, from: i128, to: i128, step: i128, has_low: bool, draw: &mut Draw) -> Option<i128> {
    if from > to {
        return None;
    }
    let wanted = match usual {
        usual if (from..=to).contains(&usual) => usual,
        _ => {
            let some = i128::from(draw.below(u64::try_from((to - from).min(99)).ok()? + 1));
            if has_low { from + some } else { to - some }
        }
    };
    let below = wanted - wanted.rem_euclid(step);
    [below, below + step].into_iter().find(|number| (from..=to).contains(number))
}

/// A number that is not whole, where no whole one fits.
fn between(all: &Conjunction<'_>) -> Option<Value> {
    let floats = |keywords: [&str; 2]| {
        let said = keywords.into_iter().flat_map(|keyword| all.said(keyword).collect::<Vec<_>>());
        said.filter_map(Value::as_f64).collect::<Vec<_>>()
    };
    let low = floats(["minimum", "exclusiveMinimum"]).into_iter().reduce(f64::max)?;
    let high = floats(["maximum", "exclusiveMaximum"]).into_iter().reduce(f64::min)?;
    let middle = low + (high - low) / 2.0;
    let steps = all.said("multipleOf").filter_map(Value::as_f64).reduce(f64::max);
    let fitting = steps.filter(|step| *step > 0.0).map_or(middle, |step| (low / step).ceil().max(1.0) * step);
    Number::from_f64(fitting).map(Value::Number)
}

/// The strictest bound, as the first or last whole number within it.
fn bound(all: &Conjunction<'_>, inclusive: &str, exclusive: &str, low: bool) -> Option<i128> {
    let numbers = |keyword| all.said(keyword).filter_map(move |value| whole(value, low)).collect::<Vec<_>>();
    let inclusive = numbers(inclusive).into_iter().map(|(number, _)| number);
    let past = |(number, exact): (i128, bool)| match (exact, low) {
        (false, _) => number,
        (true, true) => number + 1,
        (true, false) => number - 1,
    };
    let all = inclusive.chain(numbers(exclusive).into_iter().map(past));
    if low { all.max() } else { all.min() }
}

/// The nearest whole number that is not below (or above) this one, and whether it is this one.
#[expect(clippy::cast_possible_truncation, reason = "a float beyond the range saturates, and is beyond any bound")]
fn whole(value: &Value, up: bool) -> Option<(i128, bool)> {
    if let Some(number) = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)) {
        return Some((number.clamp(-FAR, FAR), true));
    }
    let float = value.as_f64()?;
    let rounded = if up { float.ceil() } else { float.floor() };
    #[expect(clippy::float_cmp, reason = "rounding leaves whole numbers exactly as they are")]
    let exact = rounded == float;
    Some(((rounded as i128).clamp(-FAR, FAR), exact))
}

/// What whole numbers must be multiples of, as far as that is whole itself.
fn step(all: &Conjunction<'_>) -> i128 {
    let steps = all.said("multipleOf").filter_map(|value| whole(value, true));
    steps.filter(|(step, exact)| *exact && *step > 0).fold(1, |common, (step, _)| {
        let (mut a, mut b) = (common, step);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        (common / a).saturating_mul(step).min(FAR)
    })
}

/// What people expect under such a name.
fn usual(name: &str, draw: &mut Draw) -> i128 {
    const MOMENT: [&str; 6] = ["created", "updated", "timestamp", "expires", "date", "time"];
    const MONEY: [&str; 5] = ["amount", "total", "price", "balance", "cost"];
    let lower = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["count", "quantity"]) {
        i128::from(draw.below(20))
    } else if has(&MOMENT) || lower.ends_with("_at") {
        MOMENTS + i128::from(draw.below(YEAR))
    } else if has(&MONEY) {
        i128::from(draw.below(100) + 1) * 100
    } else if lower == "id" || lower.ends_with("_id") {
        i128::from(draw.below(1_000_000) + 1)
    } else {
        i128::from(draw.below(100) + 1)
    }
}
