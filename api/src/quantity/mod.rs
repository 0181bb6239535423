//! Amounts of resources: `100m`, `1Gi`, `1.5`, `1e3` (k8s.io/apimachinery/pkg/api/resource).

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde_json::Value;

/// How many of the smallest unit there are in one.
const NANO: i128 = 1_000_000_000;

/// The largest amount, 2^63-1; larger ones are cut to it.
const MAX: i128 = (i64::MAX as i128) * NANO;

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// A text that is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a suffix.
    #[error(
        "quantities must match the regular expression \
         '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    /// A suffix that is none.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// A number that is none.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
}

/// The family of suffixes that a quantity is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `n`, `u`, `m`, none, `k`, `M`, `G`, `T`, `P`, `E`.
    Decimal,
    /// `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei`.
    Binary,
    /// `e3`.
    Exponent,
}

/// An exact amount, down to a thousand-millionth; what is smaller is rounded up.
///
/// Equality and order are by amount: `1000m` equals `1`.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

impl Quantity {
    /// None.
    pub const ZERO: Self = Self::decimal(0);

    const fn decimal(nano: i128) -> Self {
        Self {
            nano,
            format: Format::Decimal,
        }
    }

    /// That many, written with decimal suffixes.
    pub const fn from_value(value: i64) -> Self {
        Self::decimal(value as i128 * NANO)
    }

    /// That many thousandths (of a core, say), written with decimal suffixes.
    pub const fn from_milli(milli: i64) -> Self {
        Self::decimal(milli as i128 * (NANO / 1000))
    }

    /// That many bytes, written with binary suffixes.
    pub const fn from_bytes(bytes: i64) -> Self {
        Self {
            nano: bytes as i128 * NANO,
            format: Format::Binary,
        }
    }

    /// Reads a JSON string or number.
    pub fn from_json(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number.to_string().parse(),
            _ => Err(QuantityError::Format),
        }
    }

    /// Reads a typed quantity.
    pub fn of(
        quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity,
    ) -> Result<Self, QuantityError> {
        quantity.0.parse()
    }

    /// The amount in ones, rounded up (away from zero).
    pub fn value(self) -> i64 {
        self.in_units_of(NANO)
    }

    /// The amount in thousandths, rounded up (away from zero); the largest number if it is more than that.
    pub fn milli_value(self) -> i64 {
        self.in_units_of(NANO / 1000)
    }

    /// The amount, not exact.
    pub fn as_f64(self) -> f64 {
        self.nano as f64 / NANO as f64
    }

    /// Whether the amount is none.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    fn in_units_of(self, unit: i128) -> i64 {
        let rounded = divide_away_from_zero(self.nano, unit);
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }

    /// An amount like this one: nothing yet has no family of suffixes of its own.
    fn with(self, nano: i128, other: Self) -> Self {
        let format = if self.is_zero() {
            other.format
        } else {
            self.format
        };
        Self {
            nano: nano.clamp(-MAX, MAX),
            format,
        }
    }
}

fn divide_away_from_zero(amount: i128, unit: i128) -> i128 {
    let remainder = i128::from(amount % unit != 0) * amount.signum();
    amount / unit + remainder
}

impl From<Quantity> for k8s_openapi::apimachinery::pkg::api::resource::Quantity {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.to_string())
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nano.hash(state);
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(self.nano + other.nano, other)
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(self.nano - other.nano, other)
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        self.with(-self.nano, self)
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, Self::add)
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: the largest suffix of the family that leaves a whole number. Nothing is lost, so a part of a
    /// byte is written with decimal suffixes: `0.8Gi` as `858993459200m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        match self.format {
            Format::Binary if self.nano.abs() >= 1024 * NANO && self.nano % NANO == 0 => {
                let mut value = self.nano / NANO;
                let mut power = 0;
                while value % 1024 == 0 && power + 1 < BINARY.len() {
                    value /= 1024;
                    power += 1;
                }
                write!(f, "{value}{}", BINARY[power])
            }
            Format::Decimal | Format::Binary => {
                let (value, thousands) = self.in_thousands();
                write!(f, "{value}{}", DECIMAL[thousands])
            }
            Format::Exponent => match self.in_thousands() {
                (value, 3) => write!(f, "{value}"),
                (value, thousands) => write!(f, "{value}e{}", 3 * (thousands as i32 - 3)),
            },
        }
    }
}

impl Quantity {
    /// The amount as a whole number of the largest power of 1000 times a thousand-millionth.
    fn in_thousands(self) -> (i128, usize) {
        let (mut value, mut thousands) = (self.nano, 0);
        while value % 1000 == 0 && thousands + 1 < DECIMAL.len() {
            value /= 1000;
            thousands += 1;
        }
        (value, thousands)
    }
}
