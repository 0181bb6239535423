//! What all metrics of an autoscaler want together.

use k8s_openapi::api::autoscaling::v2::{MetricSpec, MetricStatus};

use super::metric::{Failure, View, tell};
use super::readings::Read;

/// What the metrics want.
#[derive(Debug)]
pub(super) struct Proposal {
    /// The most that any of them wants; an error in words if none can be read, or if those that can would shrink the count.
    pub(super) wish: Result<Wish, String>,
    /// Of each metric, as the status shows it; empty of those that cannot be read.
    pub(super) statuses: Vec<MetricStatus>,
    /// Of the metrics that cannot be read.
    pub(super) failures: Vec<Failure>,
}

/// A count, and the metric that wants it.
#[derive(Debug, PartialEq)]
pub(super) struct Wish {
    pub(super) replicas: i32,
    /// In the words of conditions and events.
    pub(super) metric: String,
}

/// What the metrics want by what was read of each.
pub(super) fn propose(metrics: &[MetricSpec], reads: &[Read], view: &View<'_>) -> Proposal {
    let mut most: Option<Wish> = None;
    let mut proposal = Proposal {
        wish: Err(String::new()),
        statuses: Vec::new(),
        failures: Vec::new(),
    };
    for (spec, read) in metrics.iter().zip(reads) {
        match tell(spec, read, view) {
            Ok(told) => {
                proposal.statuses.push(told.status);
                if most
                    .as_ref()
                    .is_none_or(|most| told.replicas > most.replicas)
                {
                    most = Some(Wish {
                        replicas: told.replicas,
                        metric: told.name,
                    });
                }
            }
            Err(failure) => {
                proposal.statuses.push(MetricStatus::default());
                proposal.failures.push(failure);
            }
        }
    }
    let failed = proposal.failures.first().map(|first| {
        format!(
            "invalid metrics ({} invalid out of {}), first error is: {}",
            proposal.failures.len(),
            metrics.len(),
            first.within
        )
    });
    // With a part of the metrics a count may grow, but not shrink.
    let grows = |wish: &Wish| failed.is_none() || wish.replicas >= view.counts.current;
    proposal.wish = match most.filter(grows) {
        Some(wish) => Ok(wish),
        None => Err(failed.unwrap_or_default()),
    };
    proposal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::horizontalpodautoscaler::ratio::Counts;
    use crate::horizontalpodautoscaler::readings::{PodUsage, Reading};
    use crate::horizontalpodautoscaler::tolerance::Tolerance;
    use jiff::Timestamp;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};
    use std::collections::HashMap;
    use std::sync::Arc;

    /// What metrics want of one Pod that is ready.
    fn proposed(metrics: Value, reads: &[Read]) -> Proposal {
        let metrics: Vec<MetricSpec> = serde_json::from_value(metrics).unwrap();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap();
        let view = View {
            namespace: "default",
            counts: Counts {
                current: 1,
                reported: 1,
                pods: &[Arc::new(pod)],
                tolerance: Tolerance::default(),
            },
            now: Timestamp::now(),
        };
        propose(&metrics, reads, &view)
    }

    fn cpu() -> Value {
        json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}})
    }

    fn hits() -> Value {
        json!({"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "1"}}})
    }

    fn object() -> Value {
        json!({"type": "Object", "object": {
            "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"},
            "metric": {"name": "hits"}, "target": {"type": "Value", "value": "2"},
        }})
    }

    fn queue(selector: Value) -> Value {
        json!({"type": "External", "external": {
            "metric": {"name": "queue", "selector": selector}, "target": {"type": "AverageValue", "averageValue": "30"},
        }})
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let selector = json!({"matchLabels": {"of": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]});
        let cases = [
            (
                cpu(),
                "FailedGetResourceMetric",
                "failed to get cpu utilization: unable to get metrics for resource cpu: gone",
                "failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: gone",
            ),
            (
                hits(),
                "FailedGetPodsMetric",
                "unable to get metric hits: gone",
                "failed to get pods metric value: unable to get metric hits: gone",
            ),
            (
                object(),
                "FailedGetObjectMetric",
                "unable to get metric hits: Service on default web/gone",
                "failed to get object metric value: unable to get metric hits: Service on default web/gone",
            ),
            (
                queue(json!(null)),
                "FailedGetExternalMetric",
                "unable to get external metric default/queue/nil: gone",
                "failed to get queue external metric value: unable to get external metric default/queue/nil: gone",
            ),
            (
                queue(selector),
                "FailedGetExternalMetric",
                "unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{of: web,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:tier,Operator:In,Values:[a b],},},}: gone",
                "failed to get queue external metric value: unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{of: web,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:tier,Operator:In,Values:[a b],},},}: gone",
            ),
        ];
        for (metric, reason, why, within) in cases {
            let told = proposed(json!([metric]), &[Err("gone".to_owned())]);
            assert_eq!(told.failures[0].reason, reason);
            assert_eq!(told.failures[0].why, why);
            let all = format!("invalid metrics (1 invalid out of 1), first error is: {within}");
            assert_eq!(told.wish, Err(all));
            assert_eq!(told.statuses, [MetricStatus::default()]);
        }
    }

    #[test]
    fn the_metric_that_wants_most_decides() {
        let of_pod = |milli| {
            let usage = PodUsage::of_pod(Timestamp::now(), milli);
            Ok(Reading::Pods(HashMap::from([("web".to_owned(), usage)])))
        };
        let total = |milli| Ok(Reading::Total(milli));
        let gone = || Err("gone".to_owned());
        let wish = |replicas: i32, metric: &str| {
            let metric = metric.to_owned();
            Ok(Wish { replicas, metric })
        };
        let told = proposed(
            json!([hits(), object(), queue(json!(null))]),
            &[of_pod(3000), total(4000), total(120_000)],
        );
        assert_eq!(told.wish, wish(4, "external metric queue(nil)"));
        let shown = serde_json::to_value(&told.statuses).unwrap();
        assert_eq!(shown[0]["pods"]["current"], json!({"averageValue": "3"}));
        assert_eq!(shown[1]["object"]["current"], json!({"value": "4"}));
        assert_eq!(
            shown[2]["external"]["current"],
            json!({"averageValue": "120"})
        );

        let told = proposed(json!([hits(), object()]), &[of_pod(3000), gone()]);
        assert_eq!(told.wish, wish(3, "pods metric hits"), "may grow");
        let told = proposed(json!([object(), hits()]), &[total(4000), gone()]);
        assert_eq!(told.wish, wish(2, "Service metric hits"));
        let told = proposed(json!([hits(), queue(json!(null))]), &[gone(), total(0)]);
        assert!(told.wish.unwrap_err().starts_with("invalid metrics (1"));
    }
}
