//! How many replicas a metric of Pods wants
//! (<https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details>).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use skiff_api::Quantity;

use super::readings::PodUsage;
use super::tolerance::Tolerance;
use crate::pods::{phase, ready_condition};

/// So long after its start a Pod may use much only because it starts.
const CPU_INITIALIZATION: SignedDuration = SignedDuration::from_mins(5);
/// A Pod that was never ready has at most so long between its start and its last transition.
const INITIAL_READINESS: SignedDuration = SignedDuration::from_secs(30);

/// What each Pod should use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// This percentage of what it requests.
    Utilization(i32),
    /// So many thousandths.
    Average(i64),
}

/// A metric of Pods.
pub(super) struct Metric<'a> {
    /// Such as `cpu`; empty for a custom metric of Pods, which has one value.
    pub(super) resource: &'a str,
    /// Of this container alone.
    pub(super) container: Option<&'a str>,
    pub(super) target: Target,
}

/// What is known of the Pods of a target.
pub(super) struct Seen<'a> {
    /// What the scale wants now.
    pub(super) current: i32,
    pub(super) pods: &'a [Arc<Pod>],
    /// By the names of Pods.
    pub(super) usage: &'a HashMap<String, PodUsage>,
    pub(super) tolerance: Tolerance,
    pub(super) now: Timestamp,
}

/// How many replicas a metric wants, and what it is now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) replicas: i32,
    /// Percent of the requests, if that is the target.
    pub(super) utilization: Option<i32>,
    /// Thousandths that a Pod uses.
    pub(super) average_milli: i64,
}

/// The Pods in groups: those whose use counts, and those that are counted as if.
#[derive(Debug, Default)]
struct Groups<'a> {
    ready: Vec<(&'a Pod, i64)>,
    unready: Vec<&'a Pod>,
    missing: Vec<&'a Pod>,
}

/// How many replicas the metric wants; an error in words if that cannot be told.
pub(super) fn wanted(metric: &Metric<'_>, seen: &Seen<'_>) -> Result<Wanted, String> {
    if seen.pods.is_empty() {
        return Err("no pods returned by selector while calculating replica count".to_owned());
    }
    let groups = group(metric, seen);
    let share = |pod: &Pod| share(metric, pod);
    if groups.ready.is_empty() {
        return Err("did not receive metrics for targeted pods (pods might be unready)".to_owned());
    }
    let mut used: Vec<(i64, i64)> = Vec::new();
    for (pod, milli) in &groups.ready {
        used.push((*milli, share(pod)?));
    }
    let first = ratio(metric.target, &used);
    let wanted = |replicas: i32| Wanted {
        replicas,
        utilization: match metric.target {
            Target::Utilization(_) => Some(percent(&used)),
            Target::Average(_) => None,
        },
        average_milli: used.iter().map(|(used, _)| used).sum::<i64>()
            / i64::try_from(used.len()).unwrap_or(1),
    };
    let up_with_unready = !groups.unready.is_empty() && first > 1.0;
    if !up_with_unready && groups.missing.is_empty() {
        let replicas = if seen.tolerance.holds(first) {
            seen.current
        } else {
            ceil(first * used.len() as f64)
        };
        return Ok(wanted(replicas));
    }
    // Those of which nothing is known hold back: as if idle when it grows, as if busy when it shrinks.
    let mut all = used.clone();
    for pod in &groups.missing {
        let share = share(pod)?;
        if first < 1.0 {
            all.push((busy(metric.target, share), share));
        } else if first > 1.0 {
            all.push((0, share));
        }
    }
    if up_with_unready {
        for pod in &groups.unready {
            all.push((0, share(pod)?));
        }
    }
    let second = ratio(metric.target, &all);
    let turned = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
    if seen.tolerance.holds(second) || turned {
        return Ok(wanted(seen.current));
    }
    let replicas = ceil(second * all.len() as f64);
    let backwards =
        (second < 1.0 && replicas > seen.current) || (second > 1.0 && replicas < seen.current);
    Ok(wanted(if backwards { seen.current } else { replicas }))
}

/// How many replicas that is.
pub(super) fn ceil(replicas: f64) -> i32 {
    replicas.ceil() as i32
}

/// What is used of what is shared out, in percent.
fn percent(used: &[(i64, i64)]) -> i32 {
    let sum = |part: fn(&(i64, i64)) -> i64| used.iter().map(part).sum::<i64>();
    let share = sum(|(_, share)| *share).max(1);
    i32::try_from(sum(|(used, _)| *used) * 100 / share).unwrap_or(i32::MAX)
}

/// Use by target; more than 1 is too much.
fn ratio(target: Target, used: &[(i64, i64)]) -> f64 {
    match target {
        Target::Utilization(target) => f64::from(percent(used)) / f64::from(target.max(1)),
        Target::Average(target) => {
            let sum: i64 = used.iter().map(|(used, _)| used).sum();
            let average = sum / i64::try_from(used.len()).unwrap_or(1).max(1);
            average as f64 / target.max(1) as f64
        }
    }
}

/// What a Pod of which nothing is known is taken to use when that keeps a count from shrinking.
fn busy(target: Target, share: i64) -> i64 {
    match target {
        Target::Utilization(target) => share * i64::from(target.max(100)) / 100,
        Target::Average(target) => target,
    }
}

/// Thousandths that a Pod requests, if the target is a part of that.
fn share(metric: &Metric<'_>, pod: &Pod) -> Result<i64, String> {
    if matches!(metric.target, Target::Average(_)) {
        return Ok(0);
    }
    let spec = pod.spec.as_ref();
    let sidecars = spec.and_then(|spec| spec.init_containers.as_deref());
    let sidecars = sidecars.into_iter().flatten();
    let sidecars = sidecars.filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let containers = spec.map_or(&[][..], |spec| &spec.containers).iter();
    let counted = containers
        .chain(sidecars)
        .filter(|one| metric.container.is_none_or(|wanted| wanted == one.name));
    let requests = counted.map(|container| {
        request(container, metric.resource).ok_or_else(|| {
            format!(
                "missing request for {} in container {} of Pod {}",
                metric.resource,
                container.name,
                pod.name_any()
            )
        })
    });
    requests.sum()
}

fn request(container: &Container, resource: &str) -> Option<i64> {
    let requests = container.resources.as_ref()?.requests.as_ref()?;
    Some(Quantity::of(requests.get(resource)?).ok()?.milli_value())
}

fn group<'a>(metric: &Metric<'_>, seen: &Seen<'a>) -> Groups<'a> {
    let mut groups = Groups::default();
    for pod in seen.pods {
        let pod: &Pod = pod;
        let going = pod.metadata.deletion_timestamp.is_some();
        let used = || {
            let usage = seen.usage.get(&pod.name_any())?;
            Some((usage, usage.milli(metric.resource, metric.container)?))
        };
        match phase(pod) {
            "Failed" => {}
            _ if going => {}
            "Pending" => groups.unready.push(pod),
            _ => match used() {
                None => groups.missing.push(pod),
                Some((usage, _)) if metric.resource == "cpu" && starts(pod, usage, seen.now) => {
                    groups.unready.push(pod);
                }
                Some((_, milli)) => groups.ready.push((pod, milli)),
            },
        }
    }
    groups
}

/// Whether a Pod uses what it does only because it starts.
fn starts(pod: &Pod, usage: &PodUsage, now: Timestamp) -> bool {
    let started = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref());
    let (Some(ready), Some(started)) = (ready_condition(pod), started) else {
        return true;
    };
    let is_unready = ready.status == "False";
    let since = ready
        .last_transition_time
        .as_ref()
        .map_or(started.0, |time| time.0);
    if now.duration_since(started.0) < CPU_INITIALIZATION {
        let window = SignedDuration::try_from(usage.window.max(Duration::ZERO));
        return is_unready || usage.at.duration_since(since) < window.unwrap_or_default();
    }
    is_unready && since.duration_since(started.0) < INITIAL_READINESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: &str = "2026-01-01T01:00:00Z";

    /// What 50 % of the request of 100m wants: for each Pod its use, none if it is not known, negative if it is not ready.
    fn replicas(current: i32, uses: &[Option<i64>]) -> Result<(i32, Option<i32>), String> {
        let now: Timestamp = NOW.parse().unwrap();
        let mut usage = HashMap::new();
        let mut pods = Vec::new();
        for (number, milli) in uses.iter().enumerate() {
            let name = format!("web-{number}");
            let ready = if milli.is_some_and(|milli| milli < 0) {
                "False"
            } else {
                "True"
            };
            let pod = json!({
                "metadata": {"name": name},
                "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "100m"}}}]},
                "status": {
                    "phase": "Running", "startTime": "2026-01-01T00:58:00Z",
                    "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:58:10Z"}],
                },
            });
            pods.push(Arc::new(serde_json::from_value(pod).unwrap()));
            if let Some(milli) = milli {
                usage.insert(name, PodUsage::of_cpu(now, milli.abs()));
            }
        }
        let seen = Seen {
            current,
            pods: &pods,
            usage: &usage,
            tolerance: Tolerance::default(),
            now,
        };
        let metric = Metric {
            resource: "cpu",
            container: None,
            target: Target::Utilization(50),
        };
        wanted(&metric, &seen).map(|wanted| (wanted.replicas, wanted.utilization))
    }

    #[test]
    fn replicas_follow_use() {
        let some = |uses: &[i64]| uses.iter().copied().map(Some).collect::<Vec<_>>();
        let cases = [
            ("as wanted", 2, some(&[50, 54]), 2),
            ("too much", 2, some(&[100, 100]), 4),
            ("rounded up", 2, some(&[60, 60]), 3),
            ("too little", 4, some(&[10, 10, 10, 10]), 1),
            ("unready counts as idle", 2, some(&[100, -100]), 2),
            ("and holds back", 2, some(&[120, -10]), 3),
            ("unready does not shrink", 2, some(&[10, -10]), 1),
            ("unknown counts as idle", 2, vec![Some(150), None], 3),
            (
                "unknown counts as busy",
                3,
                vec![Some(10), Some(10), None],
                3,
            ),
        ];
        for (name, current, uses, expected) in cases {
            let (replicas, _) = replicas(current, &uses).unwrap();
            assert_eq!(replicas, expected, "{name}");
        }
        assert_eq!(replicas(1, &some(&[25])).unwrap().1, Some(25));
        assert_eq!(
            replicas(1, &[]).unwrap_err(),
            "no pods returned by selector while calculating replica count"
        );
        assert_eq!(
            replicas(1, &some(&[-10])).unwrap_err(),
            "did not receive metrics for targeted pods (pods might be unready)"
        );
    }
}
