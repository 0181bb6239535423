//! The APIServices of what this server serves itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use skiff_api::Registry;

use crate::virtuals::VIRTUALS;

/// As a server of Kubernetes marks those that it has made at its start.
const MANAGED: (&str, &str) = ("kube-aggregator.kubernetes.io/automanaged", "onstart");

/// Which groups come first, and their versions within (Kubernetes' own numbers).
const PRIORITIES: [(&str, i64); 20] = [
    ("", 18_000),
    ("apps", 17_800),
    ("events.k8s.io", 17_750),
    ("authentication.k8s.io", 17_700),
    ("authorization.k8s.io", 17_600),
    ("autoscaling", 17_500),
    ("batch", 17_400),
    ("certificates.k8s.io", 17_300),
    ("networking.k8s.io", 17_200),
    ("policy", 17_100),
    ("rbac.authorization.k8s.io", 17_000),
    ("storage.k8s.io", 16_800),
    ("apiextensions.k8s.io", 16_700),
    ("admissionregistration.k8s.io", 16_700),
    ("scheduling.k8s.io", 16_600),
    ("coordination.k8s.io", 16_500),
    ("node.k8s.io", 16_300),
    ("discovery.k8s.io", 16_200),
    ("flowcontrol.apiserver.k8s.io", 16_100),
    ("resource.k8s.io", 16_050),
];

/// One APIService a version of a group.
pub(crate) fn services(registry: &Registry) -> Vec<Value> {
    let stored = registry
        .iter()
        .map(|kind| (kind.group.to_string(), kind.version.to_string()));
    let asked = VIRTUALS
        .iter()
        .map(|known| (known.group.to_owned(), known.version.to_owned()));
    let all: BTreeSet<(String, String)> = stored.chain(asked).collect();
    all.iter()
        .map(|(group, version)| service(group, version))
        .collect()
}

fn service(group: &str, version: &str) -> Value {
    let known = PRIORITIES.iter().find(|(known, _)| *known == group);
    let priority = known.map_or(1000, |(_, priority)| *priority);
    let version_priority = match (group, version) {
        ("", _) => 1,
        ("autoscaling", "v2") => 30,
        _ => 15,
    };
    json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": format!("{version}.{group}"), "labels": {MANAGED.0: MANAGED.1}},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": priority,
            "versionPriority": version_priority,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_an_api_service() {
        let all = services(&skiff_api::builtin());
        let names: Vec<&str> = all
            .iter()
            .filter_map(|one| one["metadata"]["name"].as_str())
            .collect();
        for name in [
            "v1.",
            "v1.apps",
            "v2.autoscaling",
            "v1.authorization.k8s.io",
        ] {
            assert!(names.contains(&name), "no {name} in {names:?}");
        }
    }
}
