//! One field of a schedule: `*`, `1,15`, `8-18/2`, `mon-fri`, `5/10`.

use super::CronError;

/// What a field is and holds.
pub(super) struct Bounds {
    pub(super) min: u32,
    pub(super) max: u32,
    /// Names for numbers from `min` on; empty if it has none.
    pub(super) names: &'static [&'static str],
}

/// The numbers that a field lets through, none above 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    bits: u64,
    /// Whether a part of it is `*`: then a day need match the other day field only.
    pub(super) star: bool,
}

impl Bits {
    pub(super) fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits & (1_u64 << number) != 0)
    }
}

/// Parses a list of ranges.
pub(super) fn field(text: &str, bounds: &Bounds) -> Result<Bits, CronError> {
    let mut all = Bits {
        bits: 0,
        star: false,
    };
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let one = range(part, bounds)?;
        all.bits |= one.bits;
        all.star |= one.star;
    }
    Ok(all)
}

fn range(text: &str, bounds: &Bounds) -> Result<Bits, CronError> {
    let wrong = |words: String| Err(CronError(words));
    let (span, step) = match text.split('/').collect::<Vec<_>>()[..] {
        [span] => (span, None),
        [span, step] => (span, Some(number(step)?)),
        _ => return wrong(format!("too many slashes: {text}")),
    };
    let (start, mut end, star) = match span.split('-').collect::<Vec<_>>()[..] {
        ["*" | "?", ..] => (bounds.min, bounds.max, true),
        [only] => {
            let only = number_or_name(only, bounds)?;
            (only, only, false)
        }
        [start, end] => {
            let start = number_or_name(start, bounds)?;
            (start, number_or_name(end, bounds)?, false)
        }
        _ => return wrong(format!("too many hyphens: {text}")),
    };
    // `N/step` means from N on.
    if step.is_some() && !span.contains('-') && !star {
        end = bounds.max;
    }
    let by = step.unwrap_or(1);
    if start < bounds.min {
        let min = bounds.min;
        return wrong(format!(
            "beginning of range ({start}) below minimum ({min}): {text}"
        ));
    }
    if end > bounds.max {
        let max = bounds.max;
        return wrong(format!(
            "end of range ({end}) above maximum ({max}): {text}"
        ));
    }
    if start > end {
        return wrong(format!(
            "beginning of range ({start}) beyond end of range ({end}): {text}"
        ));
    }
    if by == 0 {
        return wrong(format!("step of range should be a positive number: {text}"));
    }
    let numbers = (start..=end).step_by(by as usize);
    Ok(Bits {
        bits: numbers.fold(0, |bits, number| bits | 1 << number),
        // A step takes days out, so the field counts again.
        star: star && by == 1,
    })
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u32, CronError> {
    let is_it = |name: &&str| name.eq_ignore_ascii_case(text);
    match bounds.names.iter().position(is_it) {
        Some(index) => Ok(bounds.min + u32::try_from(index).unwrap_or(u32::MAX)),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, CronError> {
    match text.parse::<i64>() {
        Ok(number) => u32::try_from(number)
            .map_err(|_| CronError(format!("negative number ({number}) not allowed: {text}"))),
        Err(_) => Err(CronError(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"
        ))),
    }
}
