//! How near to its target a metric changes nothing.

use k8s_openapi::api::autoscaling::v2::{HPAScalingRules, HorizontalPodAutoscalerBehavior};
use skiff_api::Quantity;

/// Where nothing else is said (kube-controller-manager's `--horizontal-pod-autoscaler-tolerance`).
const TOLERANCE: f64 = 0.1;

/// Parts of the target that a metric may be above or below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerance {
    above: f64,
    below: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::of(None)
    }
}

impl Tolerance {
    /// As an autoscaler has it.
    pub(super) fn of(behavior: Option<&HorizontalPodAutoscalerBehavior>) -> Self {
        let part = |rules: Option<&HPAScalingRules>| {
            let given = rules.and_then(|rules| rules.tolerance.as_ref());
            let given = given.and_then(|given| Quantity::of(given).ok());
            given.map_or(TOLERANCE, Quantity::as_f64)
        };
        Self {
            above: part(behavior.and_then(|behavior| behavior.scale_up.as_ref())),
            below: part(behavior.and_then(|behavior| behavior.scale_down.as_ref())),
        }
    }

    /// Whether a metric that is so many times its target is near enough.
    pub(super) fn holds(self, ratio: f64) -> bool {
        (1.0 - self.below..=1.0 + self.above).contains(&ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_direction_has_its_own() {
        let behavior = json!({"scaleUp": {"tolerance": "10m"}, "scaleDown": {"tolerance": "0.5"}});
        let behavior: HorizontalPodAutoscalerBehavior = serde_json::from_value(behavior).unwrap();
        let cases = [
            (None, 1.1, true),
            (None, 1.11, false),
            (None, 0.9, true),
            (None, 0.89, false),
            (Some(&behavior), 1.02, false),
            (Some(&behavior), 0.5, true),
        ];
        for (behavior, ratio, expected) in cases {
            assert_eq!(Tolerance::of(behavior).holds(ratio), expected, "{ratio}");
        }
    }
}
