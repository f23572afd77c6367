//! Exact numbers: decimals as they are written, of any length, compared without rounding.

use std::borrow::Cow;
use std::cmp::Ordering;

use thiserror::Error;

/// The largest exponent, either way, that is read. Beyond it nobody writes amounts, and digits would have to be counted
/// in more than 64 bits.
const EXPONENT_MAX: i64 = 1_000_000_000;

/// Digits that arithmetic is exact for: what fits into 128 bits. Comparison has no such limit.
const DIGITS_MAX: usize = 38;

/// Bytes of a number that is read at once. A longer one is kept as it is written, so that its length is known to whoever
/// counts what it costs.
const SHORT_MAX: usize = 128;

/// The longest number that is written out as text: no id or amount has more digits, zeros included.
const WRITTEN_MAX: i64 = 64;

/// An exact decimal.
#[derive(Clone, Debug)]
pub(super) enum Number<'a> {
    /// `coefficient * 10^exponent`.
    Short { coefficient: i128, exponent: i64 },
    /// A number with more digits than that holds, as it is written.
    Long(Cow<'a, str>),
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NumberError {
    /// It is not written as one.
    #[error("not a number")]
    Malformed,
    /// Its exponent is out of range.
    #[error("its exponent is out of range")]
    Exponent,
    /// The result has more than 38 digits.
    #[error("arithmetic is exact for 38 digits, and this needs more")]
    Digits,
    /// It has a fraction where none can be.
    #[error("not a whole number")]
    Fraction,
}

/// A number that is not zero as its digits: `0.d1d2d3… * 10^point`, where `d1` is not 0.
struct Digits<'b> {
    negative: bool,
    point: i64,
    text: &'b [u8],
}

impl<'a> Number<'a> {
    /// A whole number.
    pub(super) fn whole(value: i64) -> Self {
        Self::Short { coefficient: i128::from(value), exponent: 0 }
    }

    /// Reads digits with perhaps a sign, a fraction and an exponent, as JSON and CEL write them.
    ///
    /// # Errors
    /// [`NumberError::Malformed`] and [`NumberError::Exponent`].
    pub(super) fn parse(text: &'a str) -> Result<Self, NumberError> {
        let (mantissa, exponent) = split(text)?;
        if text.len() > SHORT_MAX {
            return Ok(Self::Long(Cow::Borrowed(text)));
        }
        let mut coefficient = 0_i128;
        let mut digits = 0;
        let mut fraction = 0;
        let mut in_fraction = false;
        for byte in mantissa.bytes() {
            if byte == b'.' {
                in_fraction = true;
                continue;
            }
            if digits > 0 || byte != b'0' {
                digits += 1;
            }
            if digits > DIGITS_MAX {
                return Ok(Self::Long(Cow::Borrowed(text)));
            }
            coefficient = coefficient * 10 + i128::from(byte - b'0');
            fraction += i64::from(in_fraction);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        Ok(Self::Short { coefficient: coefficient * sign, exponent: exponent - fraction })
    }

    /// The same number that borrows nothing.
    pub(super) fn into_owned(self) -> Number<'static> {
        match self {
            Self::Short { coefficient, exponent } => Number::Short { coefficient, exponent },
            Self::Long(text) => Number::Long(Cow::Owned(text.into_owned())),
        }
    }

    /// How many bytes are read to compare it.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Short { .. } => 1,
            Self::Long(text) => text.len(),
        }
    }

    /// Which of two is greater, exactly.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        if let (Self::Short { coefficient: a, exponent: x }, Self::Short { coefficient: b, exponent: y }) =
            (self, other)
            && x == y
        {
            return a.cmp(b);
        }
        let (mut mine, mut theirs) = ([0; 40], [0; 40]);
        match (self.digits(&mut mine), other.digits(&mut theirs)) {
            (None, None) => Ordering::Equal,
            (None, Some(b)) => {
                if b.negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Some(a), None) => {
                if a.negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (Some(a), Some(b)) => match (a.negative, b.negative) {
                (false, true) => Ordering::Greater,
                (true, false) => Ordering::Less,
                (false, false) => a.compare_size(&b),
                (true, true) => b.compare_size(&a),
            },
        }
    }

    /// The exact sum.
    ///
    /// # Errors
    /// [`NumberError::Digits`].
    pub(super) fn plus(&self, other: &Self) -> Result<Number<'static>, NumberError> {
        let ((a, x), (b, y)) = (self.short()?, other.short()?);
        let exponent = match (a, b) {
            (0, _) => y,
            (_, 0) => x,
            _ => x.min(y),
        };
        let coefficient = scale(a, x, exponent)?.checked_add(scale(b, y, exponent)?).ok_or(NumberError::Digits)?;
        Ok(Number::Short { coefficient, exponent })
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`NumberError::Digits`] and [`NumberError::Exponent`].
    pub(super) fn times(&self, other: &Self) -> Result<Number<'static>, NumberError> {
        let ((a, x), (b, y)) = (self.short()?, other.short()?);
        let coefficient = a.checked_mul(b).ok_or(NumberError::Digits)?;
        let exponent = x + y;
        if exponent.abs() > EXPONENT_MAX {
            return Err(NumberError::Exponent);
        }
        Ok(Number::Short { coefficient, exponent })
    }

    /// The same number with the other sign.
    ///
    /// # Errors
    /// [`NumberError::Digits`] for the one number of 128 bits that has no opposite.
    pub(super) fn negated(self) -> Result<Self, NumberError> {
        Ok(match self {
            Self::Short { coefficient, exponent } => {
                Self::Short { coefficient: coefficient.checked_neg().ok_or(NumberError::Digits)?, exponent }
            }
            Self::Long(text) => match text.strip_prefix('-') {
                Some(positive) => Self::Long(Cow::Owned(positive.to_owned())),
                None => Self::Long(Cow::Owned(format!("-{text}"))),
            },
        })
    }

    /// Whether it has no fraction.
    pub(super) fn is_whole(&self) -> bool {
        let mut buffer = [0; 40];
        self.digits(&mut buffer).is_none_or(|digits| digits.significant() <= digits.point)
    }

    /// The number as a position in a list.
    ///
    /// # Errors
    /// [`NumberError::Fraction`]. A negative or very large number is `None`.
    pub(super) fn index(&self) -> Result<Option<usize>, NumberError> {
        if !self.is_whole() {
            return Err(NumberError::Fraction);
        }
        let Ok((coefficient, exponent)) = self.short() else { return Ok(None) };
        let whole = match u32::try_from(exponent.unsigned_abs()).ok().and_then(|power| 10_i128.checked_pow(power)) {
            Some(power) if exponent < 0 => Some(coefficient / power),
            Some(power) => coefficient.checked_mul(power),
            // The number is whole: with so small an exponent only zero is.
            None if exponent < 0 => Some(0),
            None => None,
        };
        Ok(whole.and_then(|whole| usize::try_from(whole).ok()))
    }

    /// As text, in digits without exponent and without zeros that say nothing.
    ///
    /// # Errors
    /// [`NumberError::Digits`] if that would be longer than any id or amount.
    pub(super) fn written(&self) -> Result<String, NumberError> {
        let mut buffer = [0; 40];
        let Some(digits) = self.digits(&mut buffer) else { return Ok("0".to_owned()) };
        let significant = digits.significant();
        if digits.point.abs() > WRITTEN_MAX || significant > WRITTEN_MAX {
            return Err(NumberError::Digits);
        }
        let mut text = String::from(if digits.negative { "-" } else { "" });
        if digits.point <= 0 {
            text.push_str("0.");
            text.extend((digits.point..0).map(|_| '0'));
        }
        for (place, digit) in (0..significant.max(digits.point)).zip(digits.iter().chain(std::iter::repeat(b'0'))) {
            if place > 0 && place == digits.point {
                text.push('.');
            }
            text.push(char::from(digit));
        }
        Ok(text)
    }

    fn short(&self) -> Result<(i128, i64), NumberError> {
        match self {
            Self::Short { coefficient, exponent } => Ok((*coefficient, *exponent)),
            Self::Long(_) => Err(NumberError::Digits),
        }
    }

    /// Its digits, or `None` for zero. What is short is written into the buffer.
    fn digits<'b>(&'b self, buffer: &'b mut [u8; 40]) -> Option<Digits<'b>> {
        match self {
            Self::Short { coefficient: 0, .. } => None,
            Self::Short { coefficient, exponent } => {
                let mut rest = coefficient.unsigned_abs();
                let mut start = buffer.len();
                while rest > 0 && start > 0 {
                    start -= 1;
                    buffer[start] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                    rest /= 10;
                }
                let text = &buffer[start..];
                Some(Digits { negative: *coefficient < 0, point: exponent + length(text), text })
            }
            Self::Long(text) => {
                let (mantissa, exponent) = split(text).ok()?;
                let before = mantissa.find('.').unwrap_or(mantissa.len());
                let first = mantissa.find(|c| c != '0' && c != '.')?;
                // Zeros before the point do not count, and each after it moves the point.
                let point = if first < before {
                    length(&mantissa.as_bytes()[first..before])
                } else {
                    -length(&mantissa.as_bytes()[before + 1..first])
                };
                let text = &mantissa.as_bytes()[first..];
                Some(Digits { negative: self.is_negative(), point: point + exponent, text })
            }
        }
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::Short { coefficient, .. } => *coefficient < 0,
            Self::Long(text) => text.starts_with('-'),
        }
    }
}

impl Digits<'_> {
    fn iter(&self) -> impl DoubleEndedIterator<Item = u8> {
        self.text.iter().copied().filter(u8::is_ascii_digit)
    }

    /// How many digits there are up to the last that is not 0.
    fn significant(&self) -> i64 {
        let all = self.iter().count();
        let zeros = self.iter().rev().take_while(|digit| *digit == b'0').count();
        i64::try_from(all - zeros).unwrap_or(i64::MAX)
    }

    /// Which is farther from zero.
    fn compare_size(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point).then_with(|| {
            let (mut mine, mut theirs) = (self.iter(), other.iter());
            loop {
                let (a, b) = (mine.next(), theirs.next());
                if a.is_none() && b.is_none() {
                    return Ordering::Equal;
                }
                let order = a.unwrap_or(b'0').cmp(&b.unwrap_or(b'0'));
                if order.is_ne() {
                    return order;
                }
            }
        })
    }
}

/// The digits with perhaps a point, and the exponent.
fn split(text: &str) -> Result<(&str, i64), NumberError> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(NumberError::Malformed);
    }
    Ok((mantissa, exponent))
}

fn read_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Malformed);
    }
    let exponent: i64 = text.parse().map_err(|_| NumberError::Exponent)?;
    if exponent.abs() > EXPONENT_MAX { Err(NumberError::Exponent) } else { Ok(exponent) }
}

/// The coefficient of the same number with a smaller exponent.
fn scale(coefficient: i128, from: i64, to: i64) -> Result<i128, NumberError> {
    if coefficient == 0 {
        return Ok(0);
    }
    let power = u32::try_from(from - to).ok().and_then(|power| 10_i128.checked_pow(power));
    power.and_then(|power| coefficient.checked_mul(power)).ok_or(NumberError::Digits)
}

fn length(text: &[u8]) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(a: &str, b: &str) -> Ordering {
        Number::parse(a).unwrap().compare(&Number::parse(b).unwrap())
    }

    /// Sign, and the digits before and after the point, moved by the exponent by hand: nothing is shared with the code.
    fn reference(text: &str) -> (bool, String, String) {
        let lower = text.to_lowercase();
        let (mantissa, exponent) =
            lower.trim_start_matches('-').split_once('e').unwrap_or((lower.trim_start_matches('-'), "0"));
        let (mut whole, mut fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole.to_owned(), fraction.to_owned()),
            None => (mantissa.to_owned(), String::new()),
        };
        let exponent: i32 = exponent.parse().unwrap();
        for _ in 0..exponent.abs() {
            if exponent > 0 {
                whole.push(if fraction.is_empty() { '0' } else { fraction.remove(0) });
            } else {
                fraction.insert(0, whole.pop().unwrap_or('0'));
            }
        }
        (text.starts_with('-'), format!("{whole:0>600}"), format!("{fraction:0<600}"))
    }

    fn reference_compare(a: &str, b: &str) -> Ordering {
        let ((a_negative, a_whole, a_fraction), (b_negative, b_whole, b_fraction)) = (reference(a), reference(b));
        let size = (a_whole.clone() + &a_fraction).cmp(&(b_whole.clone() + &b_fraction));
        let zero = |text: String| text.bytes().all(|byte| byte == b'0');
        match (a_negative, b_negative) {
            _ if zero(a_whole + &a_fraction) && zero(b_whole + &b_fraction) => Ordering::Equal,
            (false, false) => size,
            (true, true) => size.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }

    /// KO-03: amounts compare as they are written.
    #[test]
    fn comparison_is_exact() {
        let long = format!("1{}", "0".repeat(300));
        let longer = format!("1{}1", "0".repeat(299));
        for (less, more) in [
            ("5000", "5000.000000000000000001"),
            ("5000", "5001"),
            ("9007199254740992", "9007199254740993"),
            ("18446744073709551615", "18446744073709551616"),
            ("-9223372036854775809", "-9223372036854775808"),
            ("0.3", "0.30000000000000004"),
            ("0.29999999999999999999999999999999999999999999", "0.3"),
            ("1e399", "1e400"),
            ("9.99e399", "1e400"),
            ("1e-400", "1e-399"),
            ("-1e400", "-1e399"),
            ("-1", "0"),
            ("0", "1e-1000000000"),
            ("-1e-1000000000", "0"),
            ("1e999999999", "1e1000000000"),
            (&long, &longer),
            (&format!("-{longer}"), &format!("-{long}")),
            ("123456789012345678901234567890123456789", "123456789012345678901234567890123456790"),
        ] {
            assert_eq!(compare(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less), Ordering::Greater, "{more} {less}");
        }
        for (a, b) in [
            ("5000", "5000.0"),
            ("5000", "5e3"),
            ("0.5e4", "50000e-1"),
            ("0", "-0"),
            ("0", "0e1000000000"),
            ("0.000", "-0e-7"),
            (&long, "1e300"),
            (&format!("{long}.000"), "0.1e301"),
            (&format!("0.{}1", "0".repeat(200)), "1e-201"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", "+1", "1.", ".1", "1e", "1e+", "0x1", "1 ", "--1", "1.2.3", "NaN", "Infinity", "1_000", "１"]
        {
            assert_eq!(Number::parse(text).unwrap_err(), NumberError::Malformed, "{text}");
        }
        for text in ["1e1000000001", "1e-1000000001", "1e99999999999999999999", "0e99999999999999999999"] {
            assert_eq!(Number::parse(text).unwrap_err(), NumberError::Exponent, "{text}");
        }
    }

    #[test]
    fn arithmetic_is_exact_or_refused() {
        let nines = "9".repeat(200);
        let number = |text| Number::parse(text).unwrap();
        let sum = number("0.1").plus(&number("0.2")).unwrap();
        assert!(sum.compare(&number("0.3")).is_eq());
        assert!(number("0").plus(&number("1e400")).unwrap().compare(&number("1e400")).is_eq());
        assert!(number("0.01").times(&number("500000")).unwrap().compare(&number("5000")).is_eq());
        assert_eq!(number("1e40").plus(&number("1")).unwrap_err(), NumberError::Digits);
        let most = "99999999999999999999999999999999999999";
        assert_eq!(number(most).times(&number(most)).unwrap_err(), NumberError::Digits);
        assert_eq!(number(&nines).plus(&number("1")).unwrap_err(), NumberError::Digits);
        assert_eq!(number("1e1000000000").times(&number("10e1")).unwrap_err(), NumberError::Exponent);
        let least = Number::Short { coefficient: i128::MIN, exponent: 0 };
        assert_eq!(least.negated().unwrap_err(), NumberError::Digits);
    }

    #[test]
    fn positions_and_texts() {
        for (text, index) in [
            ("0", Ok(Some(0))),
            ("2.0", Ok(Some(2))),
            ("2e1", Ok(Some(20))),
            ("-1", Ok(None)),
            ("1e400", Ok(None)),
            ("0e-400", Ok(Some(0))),
            ("0.5", Err(NumberError::Fraction)),
            ("1e-400", Err(NumberError::Fraction)),
        ] {
            assert_eq!(Number::parse(text).unwrap().index(), index, "{text}");
        }
        for (text, written) in [
            ("12", "12"),
            ("12.0", "12"),
            ("1.20e1", "12"),
            ("-0.050", "-0.05"),
            ("1e3", "1000"),
            ("-0", "0"),
            ("123.456", "123.456"),
            ("1e-3", "0.001"),
        ] {
            assert_eq!(Number::parse(text).unwrap().written().as_deref(), Ok(written), "{text}");
        }
        for text in ["1e65", "1e-66", &"1".repeat(65)] {
            assert_eq!(Number::parse(text).unwrap().written(), Err(NumberError::Digits), "{text}");
        }
    }

    const DECIMAL: &str =
        "-?(0|[0-9]{1,3}|[0-9]{15,22}|[0-9]{36,60})(\\.[0-9]{1,4}|\\.0{0,30}[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?";

    proptest! {
        #[test]
        fn comparison_agrees_with_a_reference(a in DECIMAL, b in DECIMAL) {
            prop_assert_eq!(compare(&a, &b), reference_compare(&a, &b), "{} {}", a, b);
        }

        /// Neighbours: the last digit alone differs.
        #[test]
        fn neighbours_are_told_apart(digits in "[1-9][0-9]{0,80}", point in 0_usize..81) {
            let with_point = |last: char| {
                let mut text = format!("{digits}{last}");
                text.insert(point.clamp(1, digits.len()), '.');
                text
            };
            prop_assert_eq!(compare(&with_point('4'), &with_point('5')), Ordering::Less);
            prop_assert_eq!(compare(&with_point('5'), &format!("{}0", with_point('5'))), Ordering::Equal);
        }

        #[test]
        fn written_numbers_read_back(text in DECIMAL) {
            let number = Number::parse(&text).unwrap();
            if let Ok(written) = number.written() {
                prop_assert!(Number::parse(&written).unwrap().compare(&number).is_eq(), "{} {}", text, written);
            }
        }

        #[test]
        fn sums_agree_with_whole_arithmetic(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_000_i64..1_000_000_000, x in 0_usize..9, y in 0_usize..9) {
            let place = |number: i64, by: usize| format!("{number}e-{by}");
            let sum = Number::parse(&place(a, x)).unwrap().plus(&Number::parse(&place(b, y)).unwrap()).unwrap();
            let scaled = |number: i64, by: usize| i128::from(number) * 10_i128.pow(u32::try_from(9 - by).unwrap());
            let expected = format!("{}e-9", scaled(a, x) + scaled(b, y));
            prop_assert!(sum.compare(&Number::parse(&expected).unwrap()).is_eq());
        }
    }
}
