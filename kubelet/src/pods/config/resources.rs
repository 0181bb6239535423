//! Requests and limits as cgroup settings.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, amount, of_containers};

use crate::pods::object;
use crate::runtime::cri::LinuxContainerResources;

/// The period of the CPU quota, in microseconds.
pub(crate) const PERIOD_US: i64 = 100_000;
/// The least that the kernel takes.
const MIN_QUOTA_US: i64 = 1000;
pub(crate) const MIN_SHARES: i64 = 2;
const MAX_SHARES: i64 = 262_144;

/// The classes by which Pods are chosen when memory is short
/// (<https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Qos {
    Guaranteed,
    Burstable,
    BestEffort,
}

/// What a container asks for and may use, as far as it or its Pod says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) cpu_request_millis: Option<i64>,
    pub(crate) cpu_limit_millis: Option<i64>,
    pub(crate) memory_request_bytes: Option<i64>,
    pub(crate) memory_limit_bytes: Option<i64>,
}

impl Bounds {
    /// A container without a limit may use what its Pod may (KEP-2837).
    pub(crate) fn of(pod: &Pod, container: &Container) -> Self {
        let own = Self::said(container.resources.as_ref());
        let spec = pod.spec.as_ref();
        let of_pod = Self::said(spec.and_then(|spec| spec.resources.as_ref()));
        Self {
            cpu_limit_millis: own.cpu_limit_millis.or(of_pod.cpu_limit_millis),
            memory_limit_bytes: own.memory_limit_bytes.or(of_pod.memory_limit_bytes),
            ..own
        }
    }

    /// What these resources say.
    pub(crate) fn said(resources: Option<&ResourceRequirements>) -> Self {
        let of = |bound, name| amount(resources, bound, name);
        let cpu = |bound| of(bound, "cpu").map(Quantity::milli_value);
        let memory = |bound| of(bound, "memory").map(Quantity::value);
        Self {
            cpu_request_millis: cpu(Bound::Request),
            cpu_limit_millis: cpu(Bound::Limit),
            memory_request_bytes: memory(Bound::Request),
            memory_limit_bytes: memory(Bound::Limit),
        }
    }

    /// Request and limit of `cpu` or of `memory`.
    pub(crate) fn of_resource(&self, name: &str) -> [Option<i64>; 2] {
        match name {
            "cpu" => [self.cpu_request_millis, self.cpu_limit_millis],
            "memory" => [self.memory_request_bytes, self.memory_limit_bytes],
            _ => [None; 2],
        }
    }
}

/// The class of the Pod, which the API server gives it for good.
pub(crate) fn qos(pod: &Pod) -> Qos {
    let status = pod.status.as_ref();
    match status.and_then(|status| status.qos_class.as_deref()) {
        Some("Guaranteed") => Qos::Guaranteed,
        Some("Burstable") => Qos::Burstable,
        _ => Qos::BestEffort,
    }
}

/// The weight of a CPU request of so many thousandths of a core.
pub(crate) fn shares(cpu_millis: i64) -> i64 {
    (cpu_millis.saturating_mul(1024) / 1000).clamp(MIN_SHARES, MAX_SHARES)
}

/// The CPU time that so many thousandths of a core are in a period.
pub(crate) fn quota_us(cpu_millis: i64) -> i64 {
    (cpu_millis.saturating_mul(PERIOD_US) / 1000).max(MIN_QUOTA_US)
}

/// The cgroup settings of a container. `memory_bytes` is the node's memory.
pub(crate) fn linux(
    pod: &Pod,
    container: &Container,
    memory_bytes: i64,
) -> LinuxContainerResources {
    let bounds = Bounds::of(pod, container);
    let limit_cpu = bounds.cpu_limit_millis;
    LinuxContainerResources {
        cpu_shares: shares(bounds.cpu_request_millis.unwrap_or(0)),
        cpu_period: if limit_cpu.is_some() { PERIOD_US } else { 0 },
        cpu_quota: limit_cpu.map_or(0, quota_us),
        memory_limit_in_bytes: bounds.memory_limit_bytes.unwrap_or(0),
        oom_score_adj: oom_score_adj(pod, container, memory_bytes),
        ..LinuxContainerResources::default()
    }
}

/// How readily the kernel kills the container when memory is short
/// (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior>).
fn oom_score_adj(pod: &Pod, container: &Container, memory_bytes: i64) -> i64 {
    match qos(pod) {
        _ if object::is_critical(pod) => -997,
        Qos::Guaranteed => -997,
        Qos::BestEffort => 1000,
        Qos::Burstable => {
            let own = Bounds::of(pod, container).memory_request_bytes;
            let request = own.unwrap_or(0).saturating_add(shared_memory_bytes(pod));
            let share = 1000_i64.saturating_mul(request) / memory_bytes.max(1);
            (1000 - share).clamp(3, 999)
        }
    }
}

/// The part of each container in what the Pod itself asks for beyond its containers (KEP-2837).
fn shared_memory_bytes(pod: &Pod) -> i64 {
    let Some(spec) = &pod.spec else {
        return 0;
    };
    let Some(asked) = Bounds::said(spec.resources.as_ref()).memory_request_bytes else {
        return 0;
    };
    let by_containers = of_containers(spec, Bound::Request);
    let by_containers = by_containers.get("memory").map_or(0, |found| found.value());
    let containers = i64::try_from(object::containers(pod).count()).unwrap_or(i64::MAX);
    (asked - by_containers).max(0) / containers.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const GIB: i64 = 1 << 30;

    fn settings(class: &str, resources: Value) -> LinuxContainerResources {
        let pod = json!({
            "spec": {"containers": [{"name": "a", "resources": resources}]},
            "status": {"qosClass": class},
        });
        let pod: Pod = serde_json::from_value(pod).expect("a Pod");
        linux(&pod, &object::app_containers(&pod)[0], 4 * GIB)
    }

    #[test]
    fn requests_weigh_and_limits_bind() {
        let linux = settings("BestEffort", json!({}));
        assert_eq!(
            (
                linux.cpu_shares,
                linux.cpu_quota,
                linux.memory_limit_in_bytes
            ),
            (2, 0, 0)
        );
        assert_eq!(linux.oom_score_adj, 1000);

        let amounts = json!({"cpu": "500m", "memory": "64Mi"});
        let linux = settings(
            "Guaranteed",
            json!({"requests": amounts, "limits": amounts}),
        );
        assert_eq!(
            (linux.cpu_shares, linux.cpu_quota, linux.cpu_period),
            (512, 50_000, 100_000)
        );
        assert_eq!(linux.memory_limit_in_bytes, 64 << 20);
        assert_eq!(linux.oom_score_adj, -997);

        let linux = settings(
            "Burstable",
            json!({"requests": {"cpu": "100m", "memory": "1Gi"}}),
        );
        assert_eq!((linux.cpu_shares, linux.cpu_quota), (102, 0));
        assert_eq!(linux.oom_score_adj, 750);
    }

    #[test]
    fn a_container_without_a_limit_may_use_what_its_pod_may() {
        let resources =
            json!({"requests": {"memory": "2Gi"}, "limits": {"cpu": "2", "memory": "3Gi"}});
        let own = json!({"requests": {"memory": "1Gi"}, "limits": {"cpu": "1"}});
        let pod: Pod = serde_json::from_value(json!({
            "spec": {"resources": resources, "containers": [{"name": "a", "resources": own}, {"name": "b"}]},
            "status": {"qosClass": "Burstable"},
        }))
        .expect("a Pod");
        let found = object::app_containers(&pod).iter().map(|container| {
            let linux = linux(&pod, container, 4 * GIB);
            (
                linux.cpu_quota,
                linux.memory_limit_in_bytes,
                linux.oom_score_adj,
            )
        });
        // Of the node's 4 GiB one has 1 by itself, and both the half of the other 1.
        let expected = [(100_000, 3 * GIB, 625), (200_000, 3 * GIB, 875)];
        assert!(found.eq(expected));
    }
}
