//! What Pods use, and what quotas want them to say.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;

use super::{Amounts, amounts};
use crate::Quantity;
use crate::pod_resources::{Bound, taken};

/// What every container must say once a quota is about it.
const MUST_BE_SAID: [&str; 6] = [
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
];

/// Whether the Pod has ended, and so uses nothing any more.
pub fn is_ended(pod: &Value) -> bool {
    matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    )
}

/// What a Pod uses beside its being there.
pub(super) fn usage(pod: &Value) -> Amounts {
    if is_ended(pod) {
        return Amounts::new();
    }
    // What is stored has been held against the schema.
    let pod = Pod::deserialize(pod).unwrap_or_default();
    let mut used = named(&taken(&pod, Bound::Request), &taken(&pod, Bound::Limit));
    used.insert("pods".to_owned(), Quantity::from_value(1));
    used
}

/// Requests and limits by the names that quotas have for them.
fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::new();
    for (name, amount) in requests {
        let known = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage")
            || name.starts_with("hugepages-");
        if known {
            used.insert(name.clone(), *amount);
        }
        if known || name.contains('/') {
            used.insert(format!("requests.{name}"), *amount);
        }
    }
    for (name, amount) in limits {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            used.insert(format!("limits.{name}"), *amount);
        }
    }
    used
}

/// What containers of the Pod leave unsaid that a quota of these resources counts, as
/// `limits.cpu for: nginx; limits.memory for: nginx,log`; `None` if all is said.
pub fn unspecified<'a>(pod: &Value, hard: impl Iterator<Item = &'a str>) -> Option<String> {
    let required: Vec<&str> = hard.filter(|name| MUST_BE_SAID.contains(name)).collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let lists = ["containers", "initContainers"];
    let containers = lists
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten());
    for container in containers {
        let resources = &container["resources"];
        let said = named(
            &amounts(&resources["requests"]),
            &amounts(&resources["limits"]),
        );
        let name = container["name"].as_str().unwrap_or_default();
        for unsaid in required.iter().filter(|name| !said.contains_key(**name)) {
            missing.entry(unsaid).or_default().insert(name);
        }
    }
    let whole = &pod["spec"]["resources"];
    let whole = named(&amounts(&whole["requests"]), &amounts(&whole["limits"]));
    let words: Vec<String> = missing
        .into_iter()
        .filter(|(resource, _)| !whole.contains_key(*resource))
        .map(|(resource, containers)| {
            let containers: Vec<&str> = containers.into_iter().collect();
            format!("{resource} for: {}", containers.join(","))
        })
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_quota_counts_must_be_said() {
        let pod = json!({"spec": {"containers": [
            {"name": "web", "resources": {"requests": {"cpu": "1"}}},
            {"name": "log", "resources": {"limits": {"memory": "1Gi"}}},
        ]}});
        let hard = ["pods", "requests.cpu", "limits.memory"];
        assert_eq!(
            unspecified(&pod, hard.into_iter()).as_deref(),
            Some("limits.memory for: web; requests.cpu for: log")
        );
        assert_eq!(unspecified(&pod, ["pods"].into_iter()), None);
    }
}
