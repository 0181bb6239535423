//! The annotations by which a Deployment keeps its books on ReplicaSets
//! (k8s.io/kubernetes/pkg/controller/deployment/util).

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::ResourceExt;

use super::spec;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";

/// The longest history of revisions, in bytes; the oldest are dropped.
const HISTORY_BYTES: usize = 2000;

/// The revision of a ReplicaSet, 0 if it has none.
pub(super) fn revision(replica_set: &ReplicaSet) -> i64 {
    number(replica_set, REVISION).unwrap_or(0)
}

/// How many Pods the Deployment wanted when it last scaled this ReplicaSet.
pub(super) fn desired_replicas(replica_set: &ReplicaSet) -> Option<i32> {
    number(replica_set, DESIRED_REPLICAS)
}

/// How many Pods the Deployment allowed when it last scaled this ReplicaSet.
pub(super) fn max_replicas(replica_set: &ReplicaSet) -> Option<i32> {
    number(replica_set, MAX_REPLICAS)
}

fn number<N: std::str::FromStr>(replica_set: &ReplicaSet, key: &str) -> Option<N> {
    replica_set.annotations().get(key)?.parse().ok()
}

/// Notes on a ReplicaSet how many Pods its Deployment wants and allows now.
pub(super) fn note_replicas(deployment: &Deployment, replica_set: &mut ReplicaSet) {
    let desired = spec::replicas(deployment);
    let max = desired.saturating_add(spec::max_surge(deployment));
    let annotations = replica_set.annotations_mut();
    annotations.insert(DESIRED_REPLICAS.to_owned(), desired.to_string());
    annotations.insert(MAX_REPLICAS.to_owned(), max.to_string());
}

/// Gives the ReplicaSet of the current template its Deployment's annotations and `new_revision`.
pub(super) fn note_revision(
    deployment: &Deployment,
    replica_set: &mut ReplicaSet,
    new_revision: i64,
) {
    let old = replica_set.annotations().get(REVISION).cloned();
    let annotations = replica_set.annotations_mut();
    inherit(deployment.annotations(), annotations);
    let old_number = old.as_deref().unwrap_or("0").parse().unwrap_or(i64::MAX);
    if old_number >= new_revision {
        return;
    }
    annotations.insert(REVISION.to_owned(), new_revision.to_string());
    if let Some(old) = old {
        let history = annotations.entry(REVISION_HISTORY.to_owned()).or_default();
        *history = lengthened(history, &old);
    }
}

/// Copies the annotations of users; the books of the Deployment and of kubectl stay where they are.
fn inherit(from: &BTreeMap<String, String>, to: &mut BTreeMap<String, String>) {
    let own = [
        LAST_APPLIED,
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
        ROLLBACK_TO,
    ];
    for (key, value) in from.iter().filter(|(key, _)| !own.contains(&key.as_str())) {
        to.insert(key.clone(), value.clone());
    }
}

fn lengthened(history: &str, revision: &str) -> String {
    let mut revisions: Vec<&str> = history.split(',').filter(|old| !old.is_empty()).collect();
    revisions.push(revision);
    while revisions.len() > 1 && revisions.join(",").len() > HISTORY_BYTES {
        revisions.remove(0);
    }
    revisions.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_revision_that_returns_remembers_where_it_was() {
        let deployment: Deployment = serde_json::from_value(json!({"metadata": {"annotations": {
            "team": "a", LAST_APPLIED: "{}", REVISION: "3"}}}))
        .unwrap();
        let mut replica_set = ReplicaSet::default();
        for (new_revision, expected) in [
            (1, json!({"team": "a", REVISION: "1"})),
            (
                4,
                json!({"team": "a", REVISION: "4", REVISION_HISTORY: "1"}),
            ),
            (
                4,
                json!({"team": "a", REVISION: "4", REVISION_HISTORY: "1"}),
            ),
            (
                6,
                json!({"team": "a", REVISION: "6", REVISION_HISTORY: "1,4"}),
            ),
        ] {
            note_revision(&deployment, &mut replica_set, new_revision);
            assert_eq!(json!(replica_set.annotations()), expected);
        }
    }
}
