//! Many measurements as few numbers.

use std::time::Duration;

/// The durations of one burst.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<Duration>);

impl Samples {
    /// The duration that the fraction `share` (0 to 1) of all do not exceed, in milliseconds: the
    /// smallest sample with at least that share at or below it. Not a number without samples.
    pub(super) fn percentile_ms(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let at = rank.clamp(1, self.0.len().max(1)) - 1;
        self.0
            .get(at)
            .map_or(f64::NAN, |sample| milliseconds(*sample))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(samples: I) -> Self {
        let mut samples: Vec<_> = samples.into_iter().collect();
        samples.sort_unstable();
        Self(samples)
    }
}

/// Figures of bursts of requests: one value each round.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) p50_ms: Vec<f64>,
    pub(super) p99_ms: Vec<f64>,
    pub(super) per_second: Vec<f64>,
}

impl Rounds {
    /// Adds a burst that took so long.
    pub(super) fn add(&mut self, samples: &Samples, took: Duration) {
        self.p50_ms.push(samples.percentile_ms(0.5));
        self.p99_ms.push(samples.percentile_ms(0.99));
        self.per_second
            .push(samples.len() as f64 / took.as_secs_f64());
    }
}

/// The middle one, or the mean of the two in the middle. Not a number without values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[upper],
        _ => f64::midpoint(sorted[upper - 1], sorted[upper]),
    }
}

/// The smallest and the largest. Not numbers without values.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().reduce(f64::min);
    let most = values.iter().copied().reduce(f64::max);
    (least.unwrap_or(f64::NAN), most.unwrap_or(f64::NAN))
}

/// A duration in milliseconds.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_that_was_taken() {
        let of = |samples: &[u64]| -> Samples {
            samples
                .iter()
                .map(|ms| Duration::from_millis(*ms))
                .collect()
        };
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let cases: [(&[u64], f64, f64); 7] = [
            (&[7], 0.5, 7.0),
            (&[7], 0.99, 7.0),
            (&[3, 1, 2], 0.5, 2.0),
            (&[4, 1, 3, 2], 0.5, 2.0),
            (&hundred, 0.5, 50.0),
            (&hundred, 0.99, 99.0),
            (&hundred, 1.0, 100.0),
        ];
        for (samples, share, expected) in cases {
            let found = of(samples).percentile_ms(share);
            assert!(
                (found - expected).abs() < 1e-9,
                "{samples:?} {share}: {found}"
            );
        }
        assert!(of(&[]).percentile_ms(0.5).is_nan());
    }

    #[test]
    fn a_median_stands_in_the_middle() {
        let cases: [(&[f64], f64); 4] = [
            (&[5.0], 5.0),
            (&[9.0, 1.0, 5.0], 5.0),
            (&[4.0, 1.0, 3.0, 2.0], 2.5),
            // One bad round does not move it.
            (&[1.0, 1.0, 1.0, 1.0, 1000.0], 1.0),
        ];
        for (values, expected) in cases {
            assert!((median(values) - expected).abs() < 1e-9, "{values:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_range_has_both_ends() {
        assert_eq!(range(&[2.0, -1.0, 3.0]), (-1.0, 3.0));
        assert!(range(&[]).0.is_nan());
    }
}
