//! What Pods ask for and Nodes have.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, taken};

/// Amounts by resource name: milli-units for `cpu`, units (bytes, pieces) for all else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resources(BTreeMap<String, i64>);

impl Resources {
    /// The amounts of an API map; what does not parse counts as nothing (the API server has validated it).
    pub(crate) fn of(amounts: Option<&BTreeMap<String, ApiQuantity>>) -> Self {
        let amounts = amounts.into_iter().flatten();
        Self(
            amounts
                .map(|(name, amount)| (name.clone(), amount_of(name, amount)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, name: &str, amount: i64) {
        self.0.insert(name.to_owned(), amount);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    pub(crate) fn add(&mut self, other: &Resources) {
        for (name, amount) in other.iter() {
            let sum = self.get(name).saturating_add(amount);
            self.set(name, sum);
        }
    }

    pub(crate) fn subtract(&mut self, other: &Resources) {
        for (name, amount) in other.iter() {
            let rest = self.get(name).saturating_sub(amount);
            self.set(name, rest);
        }
    }
}

fn amount_of(name: &str, amount: &ApiQuantity) -> i64 {
    Quantity::of(amount).map_or(0, |amount| in_units(name, amount))
}

fn in_units(name: &str, amount: Quantity) -> i64 {
    match name {
        "cpu" => amount.milli_value(),
        _ => amount.value(),
    }
}

/// What a Pod needs at any moment of its life, and while it is resized.
pub(crate) fn pod_requests(pod: &Pod) -> Resources {
    let amounts = taken(pod, Bound::Request).into_iter();
    Resources(
        amounts
            .map(|(name, amount)| {
                let amount = in_units(&name, amount);
                (name, amount)
            })
            .collect(),
    )
}

/// CPU and memory that a Pod is counted with when Nodes are compared: containers without requests count as 100m and
/// 200 MB, so that Pods without any spread as well (kube-scheduler's DefaultMilliCPURequest and DefaultMemoryRequest).
pub(crate) fn usual_requests(pod: &Pod) -> Resources {
    const UNSAID: [(&str, i64); 2] = [("cpu", 100), ("memory", 200 * 1024 * 1024)];
    let said = pod_requests(pod);
    let spec = pod.spec.as_ref();
    let containers = spec.map_or(0, |spec| spec.containers.len() as i64);
    let mut usual = Resources::default();
    for (name, unsaid) in UNSAID {
        usual.set(
            name,
            match said.get(name) {
                0 => unsaid * containers,
                said => said,
            },
        );
    }
    usual
}

/// Whether the Pod wants what it does not have yet, as its node says.
fn is_resized(pod: &Pod) -> bool {
    conditions(pod).any(|one| one.type_.starts_with("PodResize"))
}

fn conditions(pod: &Pod) -> impl Iterator<Item = &PodCondition> {
    let status = pod.status.iter();
    status.flat_map(|status| status.conditions.iter().flatten())
}

/// Whether a Pod makes room on its node by asking for less of something than before. What it asks for changes with its spec,
/// and as its node resizes it.
pub(crate) fn shrinks(old: &Pod, new: &Pod) -> bool {
    let is_other = old.metadata.generation != new.metadata.generation;
    if !(is_other || is_resized(old) || is_resized(new)) {
        return false;
    }
    let (before, after) = (pod_requests(old), pod_requests(new));
    before.iter().any(|(name, amount)| after.get(name) < amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(granted: &str, has: &str) -> Pod {
        let requests = |cpu: &str| json!({"requests": {"cpu": cpu, "memory": "1Ki"}});
        let pod = json!({
            "spec": {"containers": [{"name": "c", "resources": requests("1")}]},
            "status": {
                "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}],
                "containerStatuses": [{
                    "name": "c", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                    "allocatedResources": {"cpu": granted}, "resources": requests(has),
                }],
            },
        });
        serde_json::from_value(pod).expect("a Pod")
    }

    #[test]
    fn cpu_counts_in_thousandths_and_memory_in_bytes() {
        let requests = pod_requests(&pod("1", "2"));
        assert_eq!((requests.get("cpu"), requests.get("memory")), (2000, 1024));
    }

    #[test]
    fn a_pod_that_gives_something_back_shrinks() {
        let (large, small) = (pod("2", "2"), pod("1", "1"));
        assert!(shrinks(&large, &small) && !shrinks(&small, &large));
    }
}
