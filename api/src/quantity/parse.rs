//! Text to quantity.

use std::str::FromStr;

use super::{BINARY, DECIMAL, Format, MAX, Quantity, QuantityError, divide_away_from_zero};

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, suffix) = split(text)?;
        let (format, factor) = interpret(suffix).ok_or(QuantityError::Suffix)?;
        let nano = factor.of(&parse_number(number)?);
        Ok(Self {
            nano: nano.clamp(-MAX, MAX),
            format,
        })
    }
}

/// The number and the suffix of a text that has the form of a quantity.
fn split(text: &str) -> Result<(&str, &str), QuantityError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let after_whole = unsigned.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let suffix = after_whole
        .strip_prefix('.')
        .unwrap_or(after_whole)
        .trim_start_matches(|letter: char| letter.is_ascii_digit());
    let exponent = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if text.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(QuantityError::Format);
    }
    Ok(text.split_at(text.len() - suffix.len()))
}

/// What a suffix multiplies with: a power of ten, or of 1024.
enum Factor {
    Ten(i32),
    Kibi(u32),
}

/// `None` if it is no suffix.
fn interpret(suffix: &str) -> Option<(Format, Factor)> {
    if let Some(power) = DECIMAL.iter().position(|known| *known == suffix) {
        return Some((Format::Decimal, Factor::Ten(3 * (power as i32 - 3))));
    }
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return Some((Format::Binary, Factor::Kibi(power as u32)));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Format::Exponent, Factor::Ten(exponent)))
}

/// A decimal number: all its digits as one whole number, and how many of them stand after the point.
struct Number {
    negative: bool,
    digits: i128,
    fraction: i32,
    /// Digits that were left out were not all zero.
    inexact: bool,
}

/// As many as the largest amount has in its smallest unit. More cannot matter.
const DIGITS_MAX: usize = 28;
/// Half of them; so many fit into a number together with the largest suffix.
const HALF: i128 = 10_i128.pow(14);

fn parse_number(text: &str) -> Result<Number, QuantityError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(QuantityError::Numeric);
    }
    let whole = whole.trim_start_matches('0');
    let negative = text.starts_with('-');
    if whole.len() > DIGITS_MAX {
        return Ok(Number {
            negative,
            digits: MAX,
            fraction: 0,
            inexact: false,
        });
    }
    let (kept, dropped) = fraction.split_at(fraction.len().min(DIGITS_MAX - whole.len()));
    let digits = format!("0{whole}{kept}");
    Ok(Number {
        negative,
        digits: digits.parse().map_err(|_| QuantityError::Numeric)?,
        fraction: kept.len() as i32,
        inexact: dropped.bytes().any(|digit| digit != b'0'),
    })
}

/// `digits` times `multiplier` by `power`, rounded away from zero: in two halves, for the product need not fit.
fn scaled_down(digits: i128, multiplier: i128, power: i128) -> i128 {
    let high = digits / HALF * multiplier;
    let low = digits % HALF * multiplier;
    // What the first division leaves is less than 10^19 wherever there is a multiplier.
    let rest = (high % power).saturating_mul(HALF).saturating_add(low);
    let whole = (high / power).saturating_mul(HALF);
    whole.saturating_add(divide_away_from_zero(rest, power))
}

impl Factor {
    /// The number times this, in thousand-millionths, rounded away from zero.
    fn of(&self, number: &Number) -> i128 {
        let (multiplier, tens) = match self {
            Factor::Ten(power) => (1, power.saturating_sub(number.fraction).saturating_add(9)),
            Factor::Kibi(power) => (1024_i128.pow(*power), 9 - number.fraction),
        };
        // 10^38 is the largest power that fits; what is beyond it is too large, or next to nothing, anyway.
        let power = 10_i128.pow(tens.unsigned_abs().min(38));
        let scaled = if tens >= 0 {
            let amount = number.digits.saturating_mul(multiplier);
            amount.saturating_mul(power)
        } else {
            scaled_down(number.digits, multiplier, power)
        };
        let rounded = scaled.saturating_add(i128::from(number.inexact));
        if number.negative { -rounded } else { rounded }
    }
}
