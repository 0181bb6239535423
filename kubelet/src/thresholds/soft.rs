//! Soft thresholds: Pods go when too little was left for a while, and get time to end
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#soft-eviction-thresholds>).

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use super::{EvictionThresholds, Observation, Signal, Threshold, ThresholdError, signal_of};

/// How long too little may be left, in the format of the kubelet's `--eviction-soft-grace-period`: `memory.available=1m30s,…`.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct GracePeriods(BTreeMap<Signal, Duration>);

/// When Pods must go that get time to end.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftEviction {
    thresholds: EvictionThresholds,
    after: GracePeriods,
    max_pod_grace_period_s: i64,
}

impl SoftEviction {
    /// Thresholds, each with its grace period; a Pod gets as long as it wants to end, but at most `max_pod_grace_period_s`.
    ///
    /// # Errors
    /// If a threshold has no grace period.
    pub fn new(
        thresholds: EvictionThresholds,
        after: GracePeriods,
        max_pod_grace_period_s: u32,
    ) -> Result<Self, ThresholdError> {
        let mut signals = thresholds.0.iter().map(|threshold| threshold.signal);
        match signals.find(|signal| !after.0.contains_key(signal)) {
            Some(signal) => Err(ThresholdError::NoGrace(signal.name())),
            None => Ok(Self {
                thresholds,
                after,
                max_pod_grace_period_s: i64::from(max_pod_grace_period_s),
            }),
        }
    }

    /// Those that are met, and for how long that may be.
    pub(crate) fn met(&self, seen: &[Observation]) -> Vec<(Threshold, Observation, Duration)> {
        let met = self.thresholds.met(seen).into_iter();
        met.map(|(threshold, seen)| {
            let after = self.after.0.get(&threshold.signal);
            (threshold, seen, after.copied().unwrap_or_default())
        })
        .collect()
    }

    /// The most that a Pod gets to end, in seconds.
    pub(crate) fn max_pod_grace_period_s(&self) -> i64 {
        self.max_pod_grace_period_s
    }
}

impl Default for SoftEviction {
    /// None.
    fn default() -> Self {
        Self {
            thresholds: EvictionThresholds(Vec::new()),
            after: GracePeriods::default(),
            max_pod_grace_period_s: 0,
        }
    }
}

impl FromStr for GracePeriods {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let mut all = BTreeMap::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let Some((name, value)) = part.split_once('=') else {
                return Err(ThresholdError::GraceFormat(part.to_owned()));
            };
            let period = value.trim().parse::<SignedDuration>().ok();
            let period = period.and_then(|period| Duration::try_from(period).ok());
            let period = period.ok_or_else(|| ThresholdError::Grace(value.trim().to_owned()))?;
            all.insert(signal_of(name.trim())?, period);
        }
        Ok(Self(all))
    }
}

impl TryFrom<String> for GracePeriods {
    type Error = ThresholdError;

    fn try_from(text: String) -> Result<Self, ThresholdError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soft(thresholds: &str, periods: &str) -> Result<SoftEviction, String> {
        let periods = periods
            .parse()
            .map_err(|error: ThresholdError| error.to_string())?;
        let thresholds = thresholds.parse().expect("thresholds");
        SoftEviction::new(thresholds, periods, 60).map_err(|error| error.to_string())
    }

    #[test]
    fn each_threshold_has_its_grace_period() {
        let soft = soft(
            "memory.available<1Gi,pid.available<10",
            "memory.available=1m30s, pid.available=1s",
        )
        .expect("sound");
        let seen = Observation {
            signal: Signal::MemoryAvailable,
            available: 1000 << 20,
            capacity: 8 << 30,
        };
        let met: Vec<Duration> = soft.met(&[seen]).iter().map(|(.., after)| *after).collect();
        assert_eq!(met, [Duration::from_secs(90)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (periods, expected) in [
            ("", "memory.available has no grace period"),
            (
                "memory.available",
                "\"memory.available\" must be SIGNAL=DURATION, such as memory.available=1m30s",
            ),
            (
                "memory.available=-1s",
                "\"-1s\" must be a duration that is not negative, such as 1m30s",
            ),
            (
                "memory.free=1s",
                "\"memory.free\" is no eviction signal; there are memory.available, \
                 nodefs.available, nodefs.inodesFree, imagefs.available, imagefs.inodesFree, pid.available",
            ),
        ] {
            let error = soft("memory.available<1Gi", periods).expect_err("refused");
            assert_eq!(error, expected);
        }
    }
}
