//! The drawing: a line a stamp, its bar as long as the way since the one before.

use jiff::Timestamp;
use skiff_api::trace::{Stage, Stamp};

/// The width of the drawing, in letters.
const WIDTH: usize = 40;

/// A stamp, and the machine that set it.
pub(super) struct Step {
    pub(super) node: String,
    pub(super) stamp: Stamp,
}

/// Draws steps, which are in the order of time.
pub(super) fn waterfall(steps: &[Step]) -> String {
    let times: Vec<f64> = steps
        .iter()
        .map(|step| ms(steps[0].stamp.at, step.stamp.at))
        .collect();
    let whole = times.last().copied().unwrap_or_default().max(f64::EPSILON);
    let mut text = format!("{:<16} {:>10} {:>10}\n", "STAGE", "AT", "TOOK");
    let mut before = 0.0;
    for (step, at) in steps.iter().zip(times) {
        let line = format!(
            "{:<16} {:>10} {:>10}  {:<WIDTH$}  {}",
            step.stamp.stage.words(),
            shown(at),
            shown(at - before),
            bar(before / whole, at / whole),
            detail(step),
        );
        text.push_str(line.trim_end());
        text.push('\n');
        before = at;
    }
    text
}

fn ms(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}

fn shown(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// From and to are parts of the whole; the least that is drawn is a letter.
fn bar(from: f64, to: f64) -> String {
    let column = |part: f64| ((part * WIDTH as f64).round() as usize).min(WIDTH);
    let (from, to) = (column(from), column(to));
    let from = from.min(WIDTH - 1);
    format!(
        "{}{}",
        " ".repeat(from),
        "█".repeat(to.saturating_sub(from).max(1))
    )
}

fn detail(step: &Step) -> String {
    match step.stamp.stage {
        // Each machine has one.
        Stage::InDataplane => format!("{} {}", step.node, step.stamp.detail),
        _ => step.stamp.detail.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_drawn() {
        let step = |stage, at_ms, detail: &str| Step {
            node: "n1".to_owned(),
            stamp: Stamp {
                at: Timestamp::from_millisecond(at_ms).unwrap(),
                stage,
                subject: String::new(),
                detail: detail.to_owned(),
            },
        };
        let steps = [
            step(Stage::Stored, 1000, ""),
            step(Stage::Scheduled, 1100, "n1"),
            step(Stage::InDataplane, 1200, "10.244.0.2:80"),
        ];
        let expected = "\
STAGE                    AT       TOOK
stored               0.0 ms     0.0 ms  █
scheduled            100 ms     100 ms  ████████████████████                      n1
in dataplane         200 ms     100 ms                      ████████████████████  n1 10.244.0.2:80
";
        assert_eq!(waterfall(&steps), expected);
        assert_eq!(waterfall(&[]), "STAGE                    AT       TOOK\n");
    }
}
