//! What users are told of an eviction, in the kubelet's words (pkg/kubelet/eviction/helpers.go).

use k8s_openapi::api::core::v1::{Container, Pod};
use skiff_api::Quantity;

use super::usage::{ContainerUsage, PodUsage};
use crate::pods::object;
use crate::thresholds::{Observation, Resource, Threshold};

/// Why a Pod goes for a shortage of the node.
pub(crate) fn node_low(
    threshold: &Threshold,
    seen: &Observation,
    pod: &Pod,
    usage: &PodUsage,
) -> String {
    let resource = threshold.signal.resource();
    let mut message = format!(
        "The node was low on resource: {resource}. Threshold quantity: {}, available: {}. ",
        Quantity::from_bytes(threshold.of(seen.capacity)),
        Quantity::from_bytes(seen.available),
    );
    for container in object::app_containers(pod) {
        let known = usage
            .containers
            .iter()
            .find(|one| one.name == container.name);
        let Some(used) = known.and_then(|one| used(one, resource)) else {
            continue;
        };
        let used = Quantity::from_bytes(i64::try_from(used).unwrap_or(i64::MAX));
        let request = request(container, resource);
        if used > request {
            message += &format!(
                "Container {} was using {used}, request is {request}, has larger consumption of {resource}. ",
                container.name
            );
        }
    }
    message
}

fn used(container: &ContainerUsage, resource: Resource) -> Option<u64> {
    match resource {
        Resource::Memory => Some(container.memory_bytes),
        Resource::EphemeralStorage => Some((container.rootfs + container.logs).bytes),
        Resource::Inodes | Resource::Pids => None,
    }
}

fn request(container: &Container, resource: Resource) -> Quantity {
    let resources = container.resources.as_ref();
    let all = resources.and_then(|resources| resources.requests.as_ref());
    let found = all.and_then(|all| all.get(&resource.to_string()));
    found
        .and_then(|found| Quantity::of(found).ok())
        .unwrap_or(Quantity::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk_usage::DiskUsage;
    use crate::thresholds::{EvictionThresholds, Signal};
    use serde_json::json;

    #[test]
    fn a_pod_is_told_what_was_short_and_what_it_used() {
        let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [
            {"name": "hog", "resources": {"requests": {"memory": "64Mi"}}},
            {"name": "meek", "resources": {"requests": {"memory": "64Mi"}}},
            {"name": "free"}]}}))
        .expect("a Pod");
        let container = |name: &str, mib: u64| ContainerUsage {
            name: name.to_owned(),
            memory_bytes: mib << 20,
            rootfs: DiskUsage {
                bytes: mib << 20,
                inodes: 1,
            },
            logs: DiskUsage {
                bytes: 1024,
                inodes: 1,
            },
        };
        let usage = PodUsage {
            containers: vec![
                container("hog", 90),
                container("meek", 3),
                container("free", 2),
            ],
            ..PodUsage::default()
        };
        let told = |signal, available| {
            let seen = Observation {
                signal,
                available,
                capacity: 1 << 30,
            };
            let (threshold, seen) = EvictionThresholds::default().met(&[seen]).remove(0);
            node_low(&threshold, &seen, &pod, &usage)
        };
        assert_eq!(
            told(Signal::MemoryAvailable, 99 << 20),
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 99Mi. \
             Container hog was using 90Mi, request is 64Mi, has larger consumption of memory. \
             Container free was using 2Mi, request is 0, has larger consumption of memory. "
        );
        assert_eq!(
            told(Signal::NodefsAvailable, 1 << 20),
            "The node was low on resource: ephemeral-storage. Threshold quantity: 107374182, available: 1Mi. \
             Container hog was using 92161Ki, request is 0, has larger consumption of ephemeral-storage. \
             Container meek was using 3073Ki, request is 0, has larger consumption of ephemeral-storage. \
             Container free was using 2049Ki, request is 0, has larger consumption of ephemeral-storage. "
        );
        let inodes = told(Signal::NodefsInodesFree, 5);
        assert!(inodes.ends_with("available: 5. "), "{inodes}");
    }
}
