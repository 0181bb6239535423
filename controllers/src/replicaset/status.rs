//! The status of a ReplicaSet, from its Pods.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::pods::{Availability, availability, is_active, is_ready, is_terminating};
use crate::writes::nonzero;

/// Why the wanted number could not be reached, for the condition `ReplicaFailure`.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// `FailedCreate` or `FailedDelete`.
    pub(super) reason: &'static str,
    /// What the API server said.
    pub(super) message: String,
}

/// The status that `pods`, all that the ReplicaSet controls, give it, and when to look again because a Pod will have
/// been ready for long enough by then.
pub(super) fn status(
    replica_set: &ReplicaSet,
    pods: &[Arc<Pod>],
    failure: Option<&Failure>,
    now: Timestamp,
) -> (ReplicaSetStatus, Option<Duration>) {
    let spec = replica_set.spec.as_ref();
    let min_ready_seconds = spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
    let mut status = ReplicaSetStatus {
        observed_generation: replica_set.metadata.generation,
        ..ReplicaSetStatus::default()
    };
    let (mut labelled, mut ready, mut available, mut terminating) = (0, 0, 0, 0);
    let mut again: Option<Duration> = None;
    for pod in pods {
        terminating += i32::from(is_terminating(pod));
        if !is_active(pod) {
            continue;
        }
        status.replicas += 1;
        labelled += i32::from(has_template_labels(replica_set, pod));
        ready += i32::from(is_ready(pod));
        match availability(pod, min_ready_seconds, now) {
            Availability::Available => available += 1,
            Availability::In(left) => again = Some(again.map_or(left, |again| again.min(left))),
            Availability::Unready => {}
        }
    }
    status.fully_labeled_replicas = nonzero(labelled);
    status.ready_replicas = nonzero(ready);
    status.available_replicas = nonzero(available);
    status.terminating_replicas = Some(terminating);
    status.conditions = conditions(replica_set, failure, now);
    (status, again)
}

fn has_template_labels(replica_set: &ReplicaSet, pod: &Pod) -> bool {
    let template = replica_set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.as_ref());
    let labels = template
        .and_then(|template| template.metadata.as_ref())
        .and_then(|meta| meta.labels.as_ref());
    labels
        .into_iter()
        .flatten()
        .all(|(key, value)| pod.labels().get(key) == Some(value))
}

/// The conditions there are, with `ReplicaFailure` as `failure` says.
fn conditions(
    replica_set: &ReplicaSet,
    failure: Option<&Failure>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let old = replica_set
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone());
    let (failed, mut rest): (Vec<_>, Vec<_>) = old
        .unwrap_or_default()
        .into_iter()
        .partition(|condition| condition.type_ == "ReplicaFailure");
    if let Some(failure) = failure {
        // The first failure stands until it is over: its message must not change with each attempt.
        rest.push(
            failed
                .into_iter()
                .next()
                .unwrap_or_else(|| ReplicaSetCondition {
                    type_: "ReplicaFailure".to_owned(),
                    status: "True".to_owned(),
                    reason: Some(failure.reason.to_owned()),
                    message: Some(failure.message.clone()),
                    last_transition_time: Some(Time(now)),
                }),
        );
    }
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(value: Value) -> Arc<Pod> {
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn replica_set() -> ReplicaSet {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "generation": 2},
            "spec": {"replicas": 3, "minReadySeconds": 10, "selector": {},
                "template": {"metadata": {"labels": {"app": "web", "tier": "front"}}}},
        }))
        .unwrap()
    }

    #[test]
    fn pods_are_counted() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let ready = |since: &str| {
            json!({"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": since}]})
        };
        let full = json!({"labels": {"app": "web", "tier": "front"}});
        let pods = [
            pod(json!({"metadata": full, "status": ready("2026-01-01T00:00:00Z")})),
            pod(
                json!({"metadata": {"labels": {"app": "web"}}, "status": ready("2026-01-01T00:00:56Z")}),
            ),
            pod(json!({"status": {"phase": "Failed"}})),
            pod(
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:59Z"}, "status": ready("2026-01-01T00:00:00Z")}),
            ),
        ];
        let (status, again) = status(&replica_set(), &pods, None, now);
        assert_eq!(
            serde_json::to_value(&status).unwrap(),
            json!({"observedGeneration": 2, "replicas": 2, "fullyLabeledReplicas": 1, "readyReplicas": 2,
                "availableReplicas": 1, "terminatingReplicas": 1})
        );
        assert_eq!(again, Some(Duration::from_secs(6)));
    }

    #[test]
    fn a_failure_is_a_condition_until_it_is_over() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let failure = |message: &str| Failure {
            reason: "FailedCreate",
            message: message.to_owned(),
        };
        let mut replica_set = replica_set();
        let (failed, _) = status(&replica_set, &[], Some(&failure("quota")), now);
        replica_set.status = Some(failed.clone());
        let (again, _) = status(&replica_set, &[], Some(&failure("other words")), now);
        assert_eq!(again, failed, "the same condition, so nothing is written");
        assert_eq!(
            failed.conditions.unwrap()[0].message.as_deref(),
            Some("quota")
        );
        let (over, _) = status(&replica_set, &[], None, now);
        assert_eq!(over.conditions, None);
    }
}
