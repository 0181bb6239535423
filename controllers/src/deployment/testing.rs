//! Deployments and ReplicaSets for the tests of this folder.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::json;

use super::replica_sets::{ReplicaSets, size};

/// A rolling Deployment.
pub(super) fn deployment(replicas: i32, surge: i32, unavailable: i32) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "d", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "a"}]}},
            "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
        },
    }))
    .unwrap()
}

/// A ReplicaSet that wants `size` Pods and has `available` ones.
pub(super) fn replica_set(name: &str, size: i32, available: i32) -> ReplicaSet {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"replicas": size, "selector": {}},
        "status": {"replicas": size, "readyReplicas": available, "availableReplicas": available, "terminatingReplicas": 0},
    }))
    .unwrap()
}

/// The sizes of the new ReplicaSet and of the old ones.
pub(super) fn sizes(replica_sets: &ReplicaSets) -> (i32, Vec<i32>) {
    (
        replica_sets.new.as_ref().map_or(0, size),
        replica_sets.old.iter().map(size).collect(),
    )
}
