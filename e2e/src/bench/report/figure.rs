//! Numbers with their units, and what they shall be.

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Unit {
    Milliseconds,
    PerSecond,
    BytesPerSecond,
    Bytes,
    Mebibytes,
    Percent,
    /// Of two times.
    Ratio,
}

/// What a figure shall reach, in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::bench) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Unit {
    /// `value` as people read it.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds if value >= 10_000.0 => format!("{:.1} s", value / 1e3),
            Self::Milliseconds => format!("{} ms", three_digits(value)),
            Self::PerSecond => format!("{}/s", three_digits(value)),
            Self::BytesPerSecond => format!("{} B/s", three_digits(value)),
            Self::Bytes => format!("{} B", three_digits(value)),
            Self::Mebibytes => format!("{} MiB", three_digits(value)),
            Self::Percent => format!("{} %", three_digits(value)),
            Self::Ratio => format!("{value:.2} x"),
        }
    }

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::PerSecond => "1/s",
            Self::BytesPerSecond => "B/s",
            Self::Bytes => "B",
            Self::Mebibytes => "MiB",
            Self::Percent => "%",
            Self::Ratio => "ratio",
        }
    }
}

impl Target {
    /// Whether `value` reaches it.
    pub(super) fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    /// As people read it.
    pub(super) fn show(self, unit: Unit) -> String {
        match self {
            Self::AtMost(most) => format!("<= {}", unit.show(most)),
            Self::AtLeast(least) => format!(">= {}", unit.show(least)),
        }
    }
}

/// `value` with three digits that count, and thousands apart.
fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        size if size < 999.5 => format!("{value:.0}"),
        _ => {
            let digits = format!("{value:.0}");
            let (thousands, rest) = digits.split_at(digits.len() - 3);
            format!("{thousands},{rest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let cases = [
            (Unit::Milliseconds, 0.1234, "0.12 ms"),
            (Unit::Milliseconds, 12.34, "12.3 ms"),
            (Unit::Milliseconds, 870.4, "870 ms"),
            (Unit::Milliseconds, 12_345.0, "12.3 s"),
            (Unit::PerSecond, 10_234.5, "10,234/s"),
            (Unit::PerSecond, 999.6, "1,000/s"),
            (Unit::BytesPerSecond, 0.0, "0.00 B/s"),
            (Unit::Bytes, 2_048.0, "2,048 B"),
            (Unit::Mebibytes, 9.999, "10.0 MiB"),
            (Unit::Percent, 0.4, "0.40 %"),
            (Unit::Ratio, 1.2, "1.20 x"),
        ];
        for (unit, value, expected) in cases {
            assert_eq!(unit.show(value), expected);
        }
    }

    #[test]
    fn a_target_is_met_on_its_side() {
        let cases = [
            (Target::AtMost(30.0), 30.0, true),
            (Target::AtMost(30.0), 30.1, false),
            (Target::AtLeast(10_000.0), 10_000.0, true),
            (Target::AtLeast(10_000.0), 9_999.0, false),
            (Target::AtMost(30.0), f64::NAN, false),
        ];
        for (target, value, expected) in cases {
            assert_eq!(target.is_met_by(value), expected, "{target:?} {value}");
        }
    }
}
