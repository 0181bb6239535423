//! What Pods ask for and Nodes have.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use skiff_api::Quantity;

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

    fn at_least(&mut self, other: &Resources) {
        for (name, amount) in other.iter() {
            let greater = self.get(name).max(amount);
            self.set(name, greater);
        }
    }
}

fn amount_of(name: &str, amount: &ApiQuantity) -> i64 {
    match Quantity::of(amount) {
        Ok(quantity) if name == "cpu" => quantity.milli_value(),
        Ok(quantity) => quantity.value(),
        Err(_) => 0,
    }
}

/// What a Pod needs at any moment of its life.
///
/// The greater of all containers together and each init container beside the sidecars started before it, plus the
/// overhead; requests of the Pod itself take the place of those of its containers
/// (KEP-753 sidecar containers, KEP-2837 pod level resources).
pub(crate) fn pod_requests(pod: &Pod) -> Resources {
    let Some(spec) = &pod.spec else {
        return Resources::default();
    };
    let mut requests = container_requests(pod, spec);
    if let Some(own) = &spec.resources {
        for (name, amount) in Resources::of(own.requests.as_ref()).iter() {
            requests.set(name, amount);
        }
    }
    requests.add(&Resources::of(spec.overhead.as_ref()));
    requests
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

fn container_requests(pod: &Pod, spec: &PodSpec) -> Resources {
    let mut running = Resources::default();
    for container in &spec.containers {
        running.add(&requests_of(pod, container));
    }
    let mut sidecars = Resources::default();
    let mut starting = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let own = requests_of(pod, container);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars.add(&own);
            starting.at_least(&sidecars);
        } else {
            let mut beside = sidecars.clone();
            beside.add(&own);
            starting.at_least(&beside);
        }
    }
    running.add(&sidecars);
    running.at_least(&starting);
    running
}

/// What a container asks for. While its resources are changed it takes the most of what is wanted, what its node has granted
/// and what it has; what its node will never grant is not counted (KEP-1287).
fn requests_of(pod: &Pod, container: &Container) -> Resources {
    let wanted = container.resources.as_ref();
    let wanted = Resources::of(wanted.and_then(|resources| resources.requests.as_ref()));
    let known = status_of(pod, &container.name);
    let Some((known, has)) = known.and_then(|known| Some((known, known.resources.as_ref()?)))
    else {
        return wanted;
    };
    let mut most = match is_infeasible(pod) {
        true => Resources::default(),
        false => wanted,
    };
    most.at_least(&Resources::of(has.requests.as_ref()));
    most.at_least(&Resources::of(known.allocated_resources.as_ref()));
    most
}

fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [&status.init_container_statuses, &status.container_statuses];
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|known| known.name == container)
}

/// Whether the node of the Pod can never give it what it wants now.
fn is_infeasible(pod: &Pod) -> bool {
    conditions(pod)
        .any(|one| one.type_ == "PodResizePending" && one.reason.as_deref() == Some("Infeasible"))
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

    fn requests(spec: serde_json::Value) -> Vec<(String, i64)> {
        let pod: Pod = serde_json::from_value(json!({ "spec": spec })).expect("a Pod");
        pod_requests(&pod)
            .iter()
            .map(|(name, amount)| (name.to_owned(), amount))
            .collect()
    }

    fn container(cpu: &str) -> serde_json::Value {
        json!({ "name": "c", "resources": { "requests": { "cpu": cpu } } })
    }

    fn sidecar(cpu: &str) -> serde_json::Value {
        let mut sidecar = container(cpu);
        sidecar["restartPolicy"] = json!("Always");
        sidecar
    }

    #[test]
    fn a_pod_that_is_resized_takes_the_most_of_what_it_wants_and_has() {
        let pod = |reason: &str, wanted: &str, granted: &str, has: &str| -> Pod {
            let pod = json!({
                "spec": { "containers": [container(wanted)] },
                "status": {
                    "conditions": [{ "type": "PodResizePending", "status": "True", "reason": reason }],
                    "containerStatuses": [{
                        "name": "c", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                        "allocatedResources": { "cpu": granted },
                        "resources": { "requests": { "cpu": has } },
                    }],
                },
            });
            serde_json::from_value(pod).expect("a Pod")
        };
        for (reason, wanted, granted, has, cpu_milli) in [
            ("Deferred", "3", "1", "1", 3000),
            ("Infeasible", "3", "1", "1", 1000),
            ("Deferred", "1", "2", "1", 2000),
            ("Deferred", "1", "1", "2", 2000),
        ] {
            let cpu = pod_requests(&pod(reason, wanted, granted, has)).get("cpu");
            assert_eq!(cpu, cpu_milli, "{reason} {wanted} {granted} {has}");
        }
        let (large, small) = (pod("", "1", "2", "2"), pod("", "1", "1", "1"));
        assert!(shrinks(&large, &small) && !shrinks(&small, &large));
    }

    #[test]
    fn a_pod_asks_for_the_most_it_needs_at_once() {
        let cases = [
            (
                json!({ "containers": [container("100m"), container("1")] }),
                1100,
            ),
            (
                json!({ "containers": [container("1")], "initContainers": [container("3")] }),
                3000,
            ),
            (
                json!({ "containers": [container("1")], "initContainers": [sidecar("500m")] }),
                1500,
            ),
            (
                json!({ "containers": [container("1")], "initContainers": [sidecar("500m"), container("2")] }),
                2500,
            ),
            (
                json!({ "containers": [container("1")], "overhead": { "cpu": "250m" } }),
                1250,
            ),
            (
                json!({ "containers": [container("1")], "resources": { "requests": { "cpu": "5" } } }),
                5000,
            ),
        ];
        for (spec, cpu_milli) in cases {
            assert_eq!(
                requests(spec.clone()),
                vec![("cpu".to_owned(), cpu_milli)],
                "{spec}"
            );
        }
    }
}
