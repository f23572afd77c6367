//! Equality and order of values, each step counted.

use std::cmp::Ordering;

use super::super::limits::{TEXT_UNIT, VALUE_DEPTH_MAX};
use super::Failure;
use super::value::Value;

/// Takes from a budget, or fails when it is used up.
pub(super) fn spend(budget: &mut u64, cost: usize) -> Result<(), Failure> {
    let left = u64::try_from(cost).ok().and_then(|cost| budget.checked_sub(cost));
    *budget = left.unwrap_or(0);
    left.map(|_| ()).ok_or(Failure::Cost)
}

/// What reading so many bytes of text costs.
pub(super) fn text_cost(bytes: usize) -> usize {
    1 + bytes / TEXT_UNIT
}

/// Whether two values are equal. Values of different kinds are not; numbers are by their size alone.
///
/// # Errors
/// [`Failure::Cost`], [`Failure::Depth`] and [`Failure::Number`].
pub(super) fn equal(budget: &mut u64, a: &Value<'_>, b: &Value<'_>) -> Result<bool, Failure> {
    equal_below(budget, VALUE_DEPTH_MAX, a, b)
}

fn equal_below(budget: &mut u64, levels: usize, a: &Value<'_>, b: &Value<'_>) -> Result<bool, Failure> {
    spend(budget, text_cost(a.len().min(b.len())))?;
    match (a, b) {
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Number(a), Value::Number(b)) => {
            spend(budget, text_cost(a.len().max(b.len())))?;
            Ok(a.compare(b).is_eq())
        }
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::Duration(a), Value::Duration(b)) => Ok(a == b),
        _ if a.kind() != b.kind() || a.count() != b.count() => Ok(false),
        _ => {
            let levels = levels.checked_sub(1).ok_or(Failure::Depth)?;
            for at in 0..a.count() {
                let (Some(one), Some(other)) = (a.item(at), b.item(at)) else { break };
                if !equal_below(budget, levels, &one?, &other?)? {
                    return Ok(false);
                }
            }
            for (key, one) in a.entries() {
                let Some(other) = b.entry(key) else { return Ok(false) };
                if !equal_below(budget, levels, &one?, &other?)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

/// Which of two values is greater; `None` if they have no order.
///
/// # Errors
/// [`Failure::Cost`].
pub(super) fn order(budget: &mut u64, a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, Failure> {
    spend(budget, text_cost(a.len().max(b.len())))?;
    Ok(match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(a.compare(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    })
}
