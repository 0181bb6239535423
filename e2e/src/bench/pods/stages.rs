//! Where the time of a Pod goes, by the stamps of its way.

use std::time::Duration;

use jiff::Timestamp;

use super::pod::Started;
use crate::bench::report::Row;
use crate::bench::statistics::Samples;
use crate::bench::trace::Stamp;

/// The stages of a Pod without a Service in the order of its way when its image is there; the client sees the last one.
const STAGES: [&str; 10] = [
    "stored",
    "scheduled",
    "seen",
    "image",
    "sandbox",
    "network",
    "created",
    "started",
    "ready",
    RUNNING,
];
const RUNNING: &str = "told to the client";

/// The way of one Pod: its stages, each with the time since the one before, in the order of time.
pub(super) struct Way(Vec<(String, Duration)>);

impl Way {
    /// The way of a Pod by those of the stamps that are its own.
    pub(super) fn of(pod: &Started, stamps: &[Stamp]) -> Self {
        let own = stamps.iter().filter(|stamp| stamp.subject == pod.uid);
        let mut reached: Vec<(Timestamp, &str)> =
            own.map(|stamp| (stamp.at, &*stamp.stage)).collect();
        reached.push((pod.running, RUNNING));
        reached.sort();
        let mut before = pod.began;
        let mut way = Vec::new();
        for (at, stage) in reached {
            let took = at.duration_since(before).try_into().unwrap_or_default();
            way.push((stage.to_owned(), took));
            before = at;
        }
        Self(way)
    }
}

/// A row for each stage that was reached.
pub(super) fn of_stages(ways: &[Way]) -> Vec<Row> {
    let row = |stage: &&str| {
        let took = ways.iter().flat_map(|way| &way.0);
        let took = took.filter(|(reached, _)| reached == stage);
        let samples: Samples = took.map(|(_, took)| *took).collect();
        (samples.len() > 0).then(|| samples.row(format!("until {stage}")))
    };
    STAGES.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_takes_the_time_since_the_one_before() {
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        let stamp = |stage: &str, subject: &str, ms| Stamp {
            at: at(ms),
            stage: stage.to_owned(),
            subject: subject.to_owned(),
            detail: String::new(),
        };
        let pod = Started {
            uid: "one".to_owned(),
            began: at(1000),
            running: at(1400),
            took: Duration::from_millis(400),
        };
        let stamps = [
            stamp("stored", "one", 1002),
            stamp("stored", "other", 1001),
            // Who binds hears of it after the kubelet does.
            stamp("scheduled", "one", 1012),
            stamp("seen", "one", 1011),
            // Told later than the client saw it.
            stamp("ready", "one", 1402),
        ];
        let way = Way::of(&pod, &stamps);
        let shown: Vec<(&str, u128)> = way
            .0
            .iter()
            .map(|(stage, took)| (&**stage, took.as_millis()))
            .collect();
        let expected = [
            ("stored", 2),
            ("seen", 9),
            ("scheduled", 1),
            (RUNNING, 388),
            ("ready", 2),
        ];
        assert_eq!(shown, expected);
        assert_eq!(of_stages(&[way]).len(), 5);
    }
}
