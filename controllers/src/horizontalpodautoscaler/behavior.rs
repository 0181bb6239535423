//! How fast a count may follow what the metrics want: windows of stabilization, policies, bounds.

use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior,
};
use tokio::time::Instant;

use super::memory::{Memory, Noted};

/// Where nothing else is said, a count shrinks to the most that was wanted in so many seconds.
const DOWN_WINDOW_SECONDS: i32 = 300;

/// A reason and a message of a condition.
pub(super) type Said = (&'static str, &'static str);

/// What is wanted, and what of it may be done now.
#[derive(Debug, PartialEq)]
pub(super) struct Allowed {
    pub(super) replicas: i32,
    /// Why the recommendation was put off, if it was: for the condition AbleToScale.
    pub(super) stabilized: Option<Said>,
    /// Why it is more or less than the recommendation, if so: for the condition ScalingLimited.
    pub(super) limited: Option<Said>,
}

/// Where a count stands, and where it may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) current: i32,
    pub(super) least: i32,
    pub(super) most: i32,
}

/// What may be done now of a recommendation that is the last one remembered.
pub(super) fn allowed(
    recommended: i32,
    bounds: Bounds,
    behavior: Option<&HorizontalPodAutoscalerBehavior>,
    memory: &Memory,
    now: Instant,
) -> Allowed {
    let up = Rules::up(behavior.and_then(|behavior| behavior.scale_up.as_ref()));
    let down = Rules::down(behavior.and_then(|behavior| behavior.scale_down.as_ref()));
    let (stable, stabilized) = stabilize(recommended, bounds.current, &up, &down, memory, now);
    let (replicas, limited) = limit(stable, bounds, &up, &down, &memory.steps, now);
    Allowed {
        replicas,
        stabilized,
        limited,
    }
}

/// The rules for one direction with their defaults.
struct Rules {
    window: Duration,
    select: String,
    policies: Vec<HPAScalingPolicy>,
}

impl Rules {
    fn up(given: Option<&HPAScalingRules>) -> Self {
        let defaults = [policy("Pods", 4), policy("Percent", 100)];
        Self::of(given, 0, &defaults)
    }

    fn down(given: Option<&HPAScalingRules>) -> Self {
        Self::of(given, DOWN_WINDOW_SECONDS, &[policy("Percent", 100)])
    }

    fn of(given: Option<&HPAScalingRules>, window: i32, policies: &[HPAScalingPolicy]) -> Self {
        let seconds = given.and_then(|rules| rules.stabilization_window_seconds);
        let select = given.and_then(|rules| rules.select_policy.clone());
        let policies_given = given.and_then(|rules| rules.policies.clone());
        Self {
            window: Duration::from_secs(u64::try_from(seconds.unwrap_or(window)).unwrap_or(0)),
            select: select.unwrap_or_else(|| "Max".to_owned()),
            policies: policies_given.unwrap_or_else(|| policies.to_vec()),
        }
    }
}

fn policy(kind: &str, value: i32) -> HPAScalingPolicy {
    HPAScalingPolicy {
        period_seconds: 15,
        type_: kind.to_owned(),
        value,
    }
}

/// The least that was wanted lately before it grows, the most before it shrinks.
fn stabilize(
    recommended: i32,
    current: i32,
    up: &Rules,
    down: &Rules,
    memory: &Memory,
    now: Instant,
) -> (i32, Option<Said>) {
    let within = |window: Duration| {
        let recent = memory.recommended.iter();
        recent
            .filter(move |noted| now.duration_since(noted.at) <= window)
            .map(|noted| noted.count)
    };
    let least = within(up.window).fold(recommended, i32::min);
    let most = within(down.window).fold(recommended, i32::max);
    let stable = current.max(least).min(most);
    let said = match stable {
        _ if stable == recommended => None,
        _ if stable < recommended => Some((
            "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent recommendation",
        )),
        _ => Some((
            "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent recommendation",
        )),
    };
    (stable, said)
}

/// As far as the policies and the bounds let the count go.
fn limit(
    wanted: i32,
    bounds: Bounds,
    up: &Rules,
    down: &Rules,
    steps: &[Noted],
    now: Instant,
) -> (i32, Option<Said>) {
    let Bounds {
        current,
        least,
        most,
    } = bounds;
    if wanted > current {
        let fastest = fastest(up, current, steps, now, 1).max(current);
        let (limit, said) = if most > fastest {
            let words =
                "the desired replica count is increasing faster than the maximum scale rate";
            (fastest, ("ScaleUpLimit", words))
        } else {
            (most, too_many())
        };
        return clamp(wanted, wanted.min(limit), said);
    }
    if wanted < current {
        let fastest = fastest(down, current, steps, now, -1).min(current);
        let (limit, said) = if least < fastest {
            let words =
                "the desired replica count is decreasing faster than the maximum scale rate";
            (fastest, ("ScaleDownLimit", words))
        } else {
            (least, too_few())
        };
        return clamp(wanted, wanted.max(limit), said);
    }
    match wanted {
        _ if wanted > most => (most, Some(too_many())),
        _ if wanted < least => (least, Some(too_few())),
        _ => (wanted, None),
    }
}

fn clamp(wanted: i32, allowed: i32, said: Said) -> (i32, Option<Said>) {
    (allowed, (allowed != wanted).then_some(said))
}

fn too_many() -> Said {
    (
        "TooManyReplicas",
        "the desired replica count is more than the maximum replica count",
    )
}

fn too_few() -> Said {
    (
        "TooFewReplicas",
        "the desired replica count is less than the minimum replica count",
    )
}

/// The count that the policies let it reach now; `sign` is 1 for up, -1 for down.
fn fastest(rules: &Rules, current: i32, steps: &[Noted], now: Instant, sign: i32) -> i32 {
    let reach = rules.policies.iter().map(|policy| {
        let period = Duration::from_secs(u64::try_from(policy.period_seconds).unwrap_or(0));
        let recent = steps
            .iter()
            .filter(|step| now.duration_since(step.at) < period);
        let start = current - recent.map(|step| step.count).sum::<i32>();
        match policy.type_.as_str() {
            "Pods" => start.saturating_add(sign * policy.value),
            _ => {
                let percent = f64::from(100 + sign * policy.value) / 100.0;
                let exact = f64::from(start) * percent;
                (if sign > 0 {
                    exact.ceil()
                } else {
                    exact.trunc()
                }) as i32
            }
        }
    });
    // Down, the policy that allows the most is the one that reaches the least.
    let farthest = match rules.select.as_str() {
        "Disabled" => None,
        "Min" => reach.min_by_key(|reach| sign * reach),
        _ => reach.max_by_key(|reach| sign * reach),
    };
    farthest.unwrap_or(current)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `recommended` and `steps` as (seconds ago, count).
    fn count(
        recommended: i32,
        (current, least, most): (i32, i32, i32),
        behavior: Value,
        before: &[(u64, i32)],
        steps: &[(u64, i32)],
    ) -> (i32, Option<&'static str>, Option<&'static str>) {
        let now = Instant::now() + LONG;
        let notes = |notes: &[(u64, i32)]| {
            let note = |(ago, count): &(u64, i32)| Noted {
                at: now - Duration::from_secs(*ago),
                count: *count,
            };
            notes.iter().map(note).collect()
        };
        let memory = Memory {
            recommended: notes(before),
            steps: notes(steps),
        };
        let behavior: Option<HorizontalPodAutoscalerBehavior> =
            serde_json::from_value(behavior).unwrap();
        let bounds = Bounds {
            current,
            least,
            most,
        };
        let allowed = allowed(recommended, bounds, behavior.as_ref(), &memory, now);
        let reason = |said: Option<Said>| said.map(|(reason, _)| reason);
        (
            allowed.replicas,
            reason(allowed.stabilized),
            reason(allowed.limited),
        )
    }

    const LONG: Duration = Duration::from_secs(7200);

    #[test]
    fn a_count_follows_as_fast_as_it_may() {
        let none = || json!(null);
        let slow_up =
            json!({"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}});
        let quick_down = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
        let half_down = json!({"scaleDown": {"stabilizationWindowSeconds": 0, "policies": [
            {"type": "Percent", "value": 50, "periodSeconds": 60}, {"type": "Pods", "value": 1, "periodSeconds": 60},
        ]}});
        let never_down =
            json!({"scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled"}});
        let cases = [
            (
                "up at once",
                count(3, (1, 1, 10), none(), &[], &[]),
                (3, None, None),
            ),
            (
                "up by four",
                count(9, (1, 1, 10), none(), &[], &[]),
                (5, None, Some("ScaleUpLimit")),
            ),
            (
                "up to double",
                count(30, (8, 1, 99), none(), &[], &[]),
                (16, None, Some("ScaleUpLimit")),
            ),
            (
                "up to the most",
                count(9, (4, 1, 6), none(), &[], &[]),
                (6, None, Some("TooManyReplicas")),
            ),
            (
                "up was used",
                count(5, (3, 1, 9), slow_up.clone(), &[], &[(30, 1)]),
                (3, None, Some("ScaleUpLimit")),
            ),
            (
                "up again",
                count(5, (3, 1, 9), slow_up, &[], &[(61, 1)]),
                (4, None, Some("ScaleUpLimit")),
            ),
            (
                "down later",
                count(1, (5, 1, 9), none(), &[(100, 4)], &[]),
                (4, Some("ScaleDownStabilized"), None),
            ),
            (
                "down after all",
                count(1, (5, 1, 9), none(), &[(301, 4)], &[]),
                (1, None, None),
            ),
            (
                "down at once",
                count(1, (5, 2, 9), quick_down, &[(1, 5)], &[]),
                (2, None, Some("TooFewReplicas")),
            ),
            (
                "down by half",
                count(1, (8, 1, 9), half_down, &[], &[]),
                (4, None, Some("ScaleDownLimit")),
            ),
            (
                "never down",
                count(1, (8, 1, 9), never_down, &[], &[]),
                (8, None, Some("ScaleDownLimit")),
            ),
        ];
        for (name, seen, expected) in cases {
            assert_eq!(seen, expected, "{name}");
        }
    }
}
