//! The status of a StatefulSet, from its Pods.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSetStatus;
use k8s_openapi::api::core::v1::Pod;

use super::plan::Seen;
use super::{identity, spec};
use crate::pods::{Availability, availability, is_ready, phase};
use crate::writes::nonzero;

/// The status, and when to look again because a Pod will have been ready for long enough by then.
pub(super) fn status(seen: &Seen<'_>, collisions: i32) -> (StatefulSetStatus, Option<Duration>) {
    let count = |test: &dyn Fn(&Pod) -> bool| -> i32 {
        let counted = seen.pods.iter().filter(|pod| test(pod)).count();
        i32::try_from(counted).unwrap_or(i32::MAX)
    };
    let ready = |pod: &Pod| phase(pod) == "Running" && is_ready(pod);
    let min_ready = spec::min_ready_seconds(seen.set);
    let available =
        |pod: &Pod| ready(pod) && availability(pod, min_ready, seen.now) == Availability::Available;
    let of = |name: &'_ str, pod: &Pod| {
        pod.metadata.deletion_timestamp.is_none() && identity::revision(pod) == name
    };
    let (replicas, updated) = (count(&|_| true), count(&|pod| of(seen.update, pod)));
    let mut status = StatefulSetStatus {
        observed_generation: seen.set.metadata.generation,
        replicas,
        ready_replicas: nonzero(count(&ready)),
        available_replicas: Some(count(&available)),
        current_replicas: nonzero(count(&|pod| of(seen.current, pod))),
        updated_replicas: nonzero(updated),
        current_revision: Some(seen.current.to_owned()),
        update_revision: Some(seen.update.to_owned()),
        collision_count: Some(collisions),
        conditions: seen
            .set
            .status
            .as_ref()
            .and_then(|status| status.conditions.clone()),
    };
    let complete = updated == spec::replicas(seen.set)
        && updated == replicas
        && status.ready_replicas == nonzero(replicas);
    if complete && !spec::updates_on_delete(seen.set) {
        status.current_replicas = status.updated_replicas;
        status.current_revision = status.update_revision.clone();
    }
    (status, look_again(seen.pods, min_ready, seen))
}

fn look_again(pods: &[Arc<Pod>], min_ready: i32, seen: &Seen<'_>) -> Option<Duration> {
    let left = |pod: &Arc<Pod>| match availability(pod, min_ready, seen.now) {
        Availability::In(left) => Some(left),
        _ => None,
    };
    pods.iter().filter_map(left).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn pod(revision: &str, ready: bool) -> Arc<Pod> {
        let ready = if ready { "True" } else { "False" };
        let pod = json!({"metadata": {"labels": {"controller-revision-hash": revision}},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn an_update_is_over_when_all_pods_have_it() {
        let set = serde_json::from_value(json!({"metadata": {"name": "web", "generation": 4},
            "spec": {"replicas": 2, "selector": {}, "template": {}}}))
        .unwrap();
        let told = |pods: &[Arc<Pod>]| {
            let now = Timestamp::UNIX_EPOCH;
            let seen = Seen {
                set: &set,
                pods,
                current: "old",
                update: "new",
                now,
            };
            serde_json::to_value(status(&seen, 0).0).unwrap()
        };
        assert_eq!(
            told(&[pod("old", true), pod("new", false)]),
            json!({"observedGeneration": 4, "replicas": 2, "readyReplicas": 1, "availableReplicas": 1,
                "currentReplicas": 1, "updatedReplicas": 1, "currentRevision": "old", "updateRevision": "new",
                "collisionCount": 0})
        );
        let over = told(&[pod("new", true), pod("new", true)]);
        assert_eq!(
            (&over["currentRevision"], &over["currentReplicas"]),
            (&json!("new"), &json!(2))
        );
    }
}
