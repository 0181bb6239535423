//! How little of something may be left, as users say it: `memory.available<100Mi,nodefs.available<10%`
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds>).

mod signal;
mod soft;

use std::str::FromStr;

use skiff_api::Quantity;

pub(crate) use signal::{Observation, Resource, Signal};
pub use soft::{GracePeriods, SoftEviction};

/// Of a large disk a share is more than a node needs to work: by default, so much is never too little.
const ENOUGH_BYTES: i64 = 2 << 30;

/// What is left of something when Pods must go, in the format of the kubelet's `--eviction-hard`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct EvictionThresholds(Vec<Threshold>);

/// How little of one thing may be left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) signal: Signal,
    least: Least,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Least {
    Amount(i64),
    /// A part of all there is, from 0 to 1, but never more than `at_most`.
    Share {
        part: f64,
        at_most: Option<i64>,
    },
}

/// Why a text names no thresholds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// It is not a signal, `<` and a value.
    #[error("{0:?} must be SIGNAL<VALUE, such as memory.available<100Mi")]
    Format(String),
    /// There is no such signal.
    #[error("{0:?} is no eviction signal; there are {all}", all = names())]
    Signal(String),
    /// A signal is named twice.
    #[error("{0} has two thresholds")]
    Twice(&'static str),
    /// The value is neither a quantity nor a percentage that can be.
    #[error("{0:?} must be a quantity that is not negative, or a percentage from 0% to 100%")]
    Value(String),
    /// It is not a signal, `=` and a duration.
    #[error("{0:?} must be SIGNAL=DURATION, such as memory.available=1m30s")]
    GraceFormat(String),
    /// The duration is none.
    #[error("{0:?} must be a duration that is not negative, such as 1m30s")]
    Grace(String),
    /// A soft threshold without a grace period.
    #[error("{0} has no grace period")]
    NoGrace(&'static str),
}

fn names() -> String {
    Signal::ALL.map(Signal::name).join(", ")
}

impl Threshold {
    /// The amount, of a whole that is so large.
    pub(crate) fn of(&self, capacity: i64) -> i64 {
        match self.least {
            Least::Amount(amount) => amount,
            Least::Share { part, at_most } => {
                // Shares are not exact in Kubernetes either.
                let share = (capacity as f64 * part) as i64;
                at_most.map_or(share, |most| share.min(most))
            }
        }
    }

    fn is_met(&self, seen: &Observation) -> bool {
        seen.signal == self.signal && seen.available < self.of(seen.capacity)
    }
}

impl EvictionThresholds {
    /// Those that are met, with what was seen, in the order in which they are dealt with.
    pub(crate) fn met(&self, seen: &[Observation]) -> Vec<(Threshold, Observation)> {
        let all = self.0.iter().flat_map(|threshold| {
            let met = seen.iter().filter(|one| threshold.is_met(one));
            met.map(|one| (*threshold, *one))
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(threshold, _)| threshold.signal);
        all
    }
}

impl Default for EvictionThresholds {
    /// Kubernetes' own, but that no disk needs more than 2 GiB free, and that process ids count as well.
    fn default() -> Self {
        let share = |signal, part, at_most| Threshold {
            signal,
            least: Least::Share { part, at_most },
        };
        Self(vec![
            Threshold {
                signal: Signal::MemoryAvailable,
                least: Least::Amount(100 << 20),
            },
            share(Signal::NodefsAvailable, 0.10, Some(ENOUGH_BYTES)),
            share(Signal::NodefsInodesFree, 0.05, None),
            share(Signal::ImagefsAvailable, 0.15, Some(ENOUGH_BYTES)),
            share(Signal::ImagefsInodesFree, 0.05, None),
            share(Signal::PidAvailable, 0.05, None),
        ])
    }
}

impl FromStr for EvictionThresholds {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let mut all: Vec<Threshold> = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let threshold = parse(part.trim())?;
            let signal = threshold.signal;
            if all.iter().any(|known| known.signal == signal) {
                return Err(ThresholdError::Twice(signal.name()));
            }
            all.push(threshold);
        }
        Ok(Self(all))
    }
}

impl TryFrom<String> for EvictionThresholds {
    type Error = ThresholdError;

    fn try_from(text: String) -> Result<Self, ThresholdError> {
        text.parse()
    }
}

fn parse(text: &str) -> Result<Threshold, ThresholdError> {
    let Some((name, value)) = text.split_once('<') else {
        return Err(ThresholdError::Format(text.to_owned()));
    };
    let (name, value) = (name.trim(), value.trim());
    let signal = signal_of(name)?;
    let least = least(value).ok_or_else(|| ThresholdError::Value(value.to_owned()))?;
    Ok(Threshold { signal, least })
}

fn signal_of(name: &str) -> Result<Signal, ThresholdError> {
    let found = Signal::ALL.into_iter().find(|one| one.name() == name);
    found.ok_or_else(|| ThresholdError::Signal(name.to_owned()))
}

fn least(value: &str) -> Option<Least> {
    if let Some(percent) = value.strip_suffix('%') {
        let part = percent.parse::<f64>().ok()? / 100.0;
        // Neither a percentage of nothing nor of all is ever met in Kubernetes.
        let part = if part == 1.0 { 0.0 } else { part };
        let is_sound = (0.0..1.0).contains(&part);
        return is_sound.then_some(Least::Share {
            part,
            at_most: None,
        });
    }
    let amount = value.parse::<Quantity>().ok()?.value();
    (amount >= 0).then_some(Least::Amount(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(thresholds: &EvictionThresholds, seen: &[(Signal, i64, i64)]) -> Vec<Signal> {
        let seen = seen
            .iter()
            .map(|(signal, available, capacity)| Observation {
                signal: *signal,
                available: *available,
                capacity: *capacity,
            });
        let met = thresholds.met(&seen.collect::<Vec<_>>());
        met.into_iter().map(|(one, _)| one.signal).collect()
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        use Signal::*;
        let defaults = EvictionThresholds::default();
        let disk = 1 << 30;
        for (signal, available, capacity, is_met) in [
            (MemoryAvailable, (100 << 20) - 1, 8 << 30, true),
            (MemoryAvailable, 100 << 20, 8 << 30, false),
            (NodefsAvailable, disk / 10 - 1, disk, true),
            (NodefsAvailable, disk / 10, disk, false),
            (NodefsAvailable, ENOUGH_BYTES, 1 << 40, false),
            (NodefsAvailable, ENOUGH_BYTES - 1, 1 << 40, true),
            (NodefsInodesFree, 49, 1000, true),
            (NodefsInodesFree, 50, 1000, false),
            // File systems without a fixed number of files say 0 of 0.
            (NodefsInodesFree, 0, 0, false),
            (ImagefsAvailable, 149, 1000, true),
            (ImagefsAvailable, 150, 1000, false),
            (PidAvailable, 1638, 32768, false),
            (PidAvailable, 1637, 32768, true),
        ] {
            let expected: &[Signal] = if is_met { &[signal] } else { &[] };
            let met = met(&defaults, &[(signal, available, capacity)]);
            assert_eq!(met, expected, "{available} of {capacity}");
        }
    }

    #[test]
    fn what_is_given_holds_as_given_and_nothing_else_does() {
        use Signal::*;
        let given: EvictionThresholds = "imagefs.available<12.5%, memory.available<1Gi,\
             nodefs.available<0%,nodefs.inodesFree<100%"
            .parse()
            .expect("thresholds");
        let all = [
            (ImagefsAvailable, 124, 1000),
            (NodefsAvailable, 0, 1 << 40),
            (NodefsInodesFree, 0, 1000),
            (MemoryAvailable, 1000 << 20, 8 << 30),
            (PidAvailable, 0, 1000),
        ];
        assert_eq!(met(&given, &all), [MemoryAvailable, ImagefsAvailable]);
        let none: EvictionThresholds = "".parse().expect("thresholds");
        assert_eq!(met(&none, &all), []);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            (
                "memory.available",
                "\"memory.available\" must be SIGNAL<VALUE, such as memory.available<100Mi",
            ),
            (
                "memory.free<1",
                "\"memory.free\" is no eviction signal; there are memory.available, \
                 nodefs.available, nodefs.inodesFree, imagefs.available, imagefs.inodesFree, pid.available",
            ),
            (
                "memory.available<1Gi,memory.available<2Gi",
                "memory.available has two thresholds",
            ),
            (
                "memory.available<much",
                "\"much\" must be a quantity that is not negative, or a percentage from 0% to 100%",
            ),
            (
                "nodefs.available<101%",
                "\"101%\" must be a quantity that is not negative, or a percentage from 0% to 100%",
            ),
        ] {
            let error = text.parse::<EvictionThresholds>().expect_err("refused");
            assert_eq!(error.to_string(), expected);
        }
    }
}
