//! Requests and limits as cgroup settings.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, amount};

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

/// What a container asks for and may use, as far as it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) cpu_request_millis: Option<i64>,
    pub(crate) cpu_limit_millis: Option<i64>,
    pub(crate) memory_request_bytes: Option<i64>,
    pub(crate) memory_limit_bytes: Option<i64>,
}

impl Bounds {
    pub(crate) fn of(container: &Container) -> Self {
        Self::of_resources(container.resources.as_ref())
    }

    pub(crate) fn of_resources(resources: Option<&ResourceRequirements>) -> Self {
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
    let bounds = Bounds::of(container);
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
            let request = Bounds::of(container).memory_request_bytes.unwrap_or(0);
            let share = 1000_i64.saturating_mul(request) / memory_bytes.max(1);
            (1000 - share).clamp(3, 999)
        }
    }
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
}
