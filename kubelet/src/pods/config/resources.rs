//! Requests and limits as cgroup settings.

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::pods::object;
use crate::quantity;
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

/// What of a container's resources is meant.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    Request,
    Limit,
}

/// So much of a resource in thousandths, if it says so.
pub(crate) fn amount(container: &Container, bound: Bound, resource: &str) -> Option<i64> {
    let all = container.resources.as_ref()?;
    let limit = all.limits.as_ref().and_then(|list| list.get(resource));
    let request = all.requests.as_ref().and_then(|list| list.get(resource));
    let quantity = match bound {
        Bound::Limit => limit,
        // The API server fills in a request that is not set from the limit.
        Bound::Request => request.or(limit),
    };
    quantity
        .and_then(quantity::millis)
        .filter(|millis| *millis > 0)
}

/// The class of the Pod.
pub(crate) fn qos(pod: &Pod) -> Qos {
    let resources = ["cpu", "memory"];
    let mut is_any = false;
    let mut is_guaranteed = true;
    for (_, container) in object::containers(pod) {
        for resource in resources {
            let request = amount(container, Bound::Request, resource);
            let limit = amount(container, Bound::Limit, resource);
            is_any |= request.is_some() || limit.is_some();
            is_guaranteed &= limit.is_some() && request == limit;
        }
    }
    match (is_any, is_guaranteed) {
        (false, _) => Qos::BestEffort,
        (true, true) => Qos::Guaranteed,
        (true, false) => Qos::Burstable,
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
    let request_cpu = amount(container, Bound::Request, "cpu");
    let limit_cpu = amount(container, Bound::Limit, "cpu");
    let limit_memory = amount(container, Bound::Limit, "memory");
    LinuxContainerResources {
        cpu_shares: shares(request_cpu.unwrap_or(0)),
        cpu_period: if limit_cpu.is_some() { PERIOD_US } else { 0 },
        cpu_quota: limit_cpu.map_or(0, quota_us),
        memory_limit_in_bytes: limit_memory.map_or(0, |millis| millis / 1000),
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
            let request = amount(container, Bound::Request, "memory").unwrap_or(0) / 1000;
            let share = 1000 * request / memory_bytes.max(1);
            (1000 - share).clamp(3, 999)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const GIB: i64 = 1 << 30;

    fn settings(resources: Value) -> (Qos, LinuxContainerResources) {
        let pod: Pod = serde_json::from_value(json!({
            "spec": {"containers": [{"name": "a", "resources": resources}]}
        }))
        .expect("a Pod");
        let container = &object::app_containers(&pod)[0];
        (qos(&pod), linux(&pod, container, 4 * GIB))
    }

    #[test]
    fn requests_weigh_and_limits_bind() {
        let (qos, linux) = settings(json!({}));
        assert_eq!(qos, Qos::BestEffort);
        assert_eq!(
            (
                linux.cpu_shares,
                linux.cpu_quota,
                linux.memory_limit_in_bytes
            ),
            (2, 0, 0)
        );
        assert_eq!(linux.oom_score_adj, 1000);

        let (qos, linux) = settings(json!({"limits": {"cpu": "500m", "memory": "64Mi"}}));
        assert_eq!(qos, Qos::Guaranteed);
        assert_eq!(
            (linux.cpu_shares, linux.cpu_quota, linux.cpu_period),
            (512, 50_000, 100_000)
        );
        assert_eq!(linux.memory_limit_in_bytes, 64 << 20);
        assert_eq!(linux.oom_score_adj, -997);

        let (qos, linux) = settings(json!({"requests": {"cpu": "100m", "memory": "1Gi"}}));
        assert_eq!(qos, Qos::Burstable);
        assert_eq!((linux.cpu_shares, linux.cpu_quota), (102, 0));
        assert_eq!(linux.oom_score_adj, 750);
    }
}
