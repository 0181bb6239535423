//! One line of the report.

use super::figure::{Target, Unit};
use crate::bench::statistics::{Samples, median, range};

/// A figure, what it shall be, and another one to see it beside.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Row {
    pub(super) what: String,
    pub(super) unit: Unit,
    /// One value each round; the median is the figure.
    pub(super) rounds: Vec<f64>,
    pub(super) target: Option<Target>,
    /// What it is and its value, in the unit of the figure.
    pub(super) reference: Option<(&'static str, f64)>,
}

impl Row {
    /// A figure that was taken several times.
    pub(in crate::bench) fn of_rounds(what: impl Into<String>, unit: Unit, rounds: &[f64]) -> Self {
        Self {
            what: what.into(),
            unit,
            rounds: rounds.to_vec(),
            target: None,
            reference: None,
        }
    }

    /// A figure that was taken once.
    pub(in crate::bench) fn of_one(what: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self::of_rounds(what, unit, &[value])
    }

    /// With what it shall be.
    pub(in crate::bench) fn target(self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// With a reference taken in the same run.
    pub(in crate::bench) fn beside(self, what: &'static str, value: f64) -> Self {
        Self {
            reference: Some((what, value)),
            ..self
        }
    }

    /// The figure.
    pub(super) fn figure(&self) -> f64 {
        median(&self.rounds)
    }

    /// The smallest and the largest of the rounds, if there were several.
    pub(super) fn spread(&self) -> Option<(f64, f64)> {
        (self.rounds.len() > 1).then(|| range(&self.rounds))
    }

    /// Whether the figure is what it shall be, if it shall be something.
    pub(super) fn is_met(&self) -> Option<bool> {
        Some(self.target?.is_met_by(self.figure()))
    }
}

impl Samples {
    /// The middle one, with the 99th percentile beside.
    pub(in crate::bench) fn row(&self, what: impl Into<String>) -> Row {
        let p50 = self.percentile_ms(0.5);
        Row::of_one(what, Unit::Milliseconds, p50).beside("p99", self.percentile_ms(0.99))
    }
}
