//! From text to a schedule.

use std::time::Duration;

use super::field::{Bounds, field};
use super::{Clock, CronError, CronSchedule, Rule, time_zone};

const MINUTE: Bounds = Bounds {
    min: 0,
    max: 59,
    names: &[],
};
const HOUR: Bounds = Bounds {
    min: 0,
    max: 23,
    names: &[],
};
const DAY_OF_MONTH: Bounds = Bounds {
    min: 1,
    max: 31,
    names: &[],
};
const MONTH: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const DAY_OF_WEEK: Bounds = Bounds {
    min: 0,
    max: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// Macros and the fields they stand for.
const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

pub(super) fn schedule(text: &str) -> Result<CronSchedule, CronError> {
    if text.is_empty() {
        return Err(CronError("empty spec string".to_owned()));
    }
    let prefixed = ["TZ=", "CRON_TZ="]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let (zone, text) = match prefixed.map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
        Some((zone, rest)) => {
            let known = time_zone(zone)
                .map_err(|error| CronError(format!("provided bad location {zone}: {error}")))?;
            (Some(known), rest.trim())
        }
        None => (None, text),
    };
    let rule = if text.starts_with('@') {
        descriptor(text)?
    } else {
        clock(text)?
    };
    Ok(CronSchedule { rule, zone })
}

fn descriptor(text: &str) -> Result<Rule, CronError> {
    if let Some((_, fields)) = MACROS.iter().find(|(name, _)| *name == text) {
        return clock(fields);
    }
    let Some(pause) = text.strip_prefix("@every ") else {
        return Err(CronError(format!("unrecognized descriptor: {text}")));
    };
    match go_duration(pause) {
        Some(pause) => Ok(Rule::Every(Duration::from_secs(pause.as_secs().max(1)))),
        None => Err(CronError(format!(
            "failed to parse duration {text}: time: invalid duration {pause:?}"
        ))),
    }
}

fn clock(text: &str) -> Result<Rule, CronError> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
        let (found, shown) = (fields.len(), fields.join(" "));
        return Err(CronError(format!(
            "expected exactly 5 fields, found {found}: [{shown}]"
        )));
    };
    Ok(Rule::Clock(Box::new(Clock {
        minute: field(minute, &MINUTE)?,
        hour: field(hour, &HOUR)?,
        day_of_month: field(day_of_month, &DAY_OF_MONTH)?,
        month: field(month, &MONTH)?,
        day_of_week: field(day_of_week, &DAY_OF_WEEK)?,
    })))
}

/// A duration as Go writes it: `1h30m`, `90s`, `1.5h`.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 6] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    (!text.is_empty())
        .then(|| Duration::try_from_secs_f64(seconds).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_schedule() {
        for (text, words) in [
            ("", "empty spec string"),
            ("hello", "expected exactly 5 fields, found 1: [hello]"),
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("* * * * 7", "end of range (7) above maximum (6): 7"),
            (
                "5-1 * * * *",
                "beginning of range (5) beyond end of range (1): 5-1",
            ),
            (
                "*/0 * * * *",
                "step of range should be a positive number: */0",
            ),
            ("1/2/3 * * * *", "too many slashes: 1/2/3"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            (
                "x * * * *",
                "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax",
            ),
            ("@often", "unrecognized descriptor: @often"),
            (
                "@every soon",
                "failed to parse duration @every soon: time: invalid duration \"soon\"",
            ),
            (
                "TZ=Nowhere * * * * *",
                "provided bad location Nowhere: unknown time zone Nowhere",
            ),
        ] {
            let wrong = schedule(text).map_err(|error| error.to_string());
            assert_eq!(wrong, Err(words.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn durations_of_go() {
        for (text, seconds) in [
            ("90s", Some(90.0)),
            ("1h30m", Some(5400.0)),
            ("1.5h", Some(5400.0)),
            ("", None),
            ("5", None),
        ] {
            assert_eq!(
                go_duration(text).map(|found| found.as_secs_f64()),
                seconds,
                "{text}"
            );
        }
    }
}
