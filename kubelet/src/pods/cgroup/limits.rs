//! What a Pod's cgroup may use: the sums over its containers, as the kubelet's `ResourceConfigForPod` has them.

use k8s_openapi::api::core::v1::Pod;

use crate::pods::config::resources::{
    Bound, MIN_SHARES, PERIOD_US, Qos, amount, qos, quota_us, shares,
};
use crate::pods::object::{self, Role};

/// The settings of a Pod's cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The weight of its CPU time beside others, of 1024 a core.
    pub(crate) cpu_shares: i64,
    /// CPU time in each period of [`PERIOD_US`], if every container has a limit.
    pub(crate) cpu_quota_us: Option<i64>,
    /// If every container has a limit.
    pub(crate) memory_bytes: Option<i64>,
}

impl Limits {
    pub(crate) fn of(pod: &Pod) -> Limits {
        let is_best_effort = qos(pod) == Qos::BestEffort;
        let cpu = |bound| sum(pod, bound, "cpu");
        Limits {
            cpu_shares: match cpu(Bound::Request) {
                _ if is_best_effort => MIN_SHARES,
                (millis, _) => shares(millis),
            },
            cpu_quota_us: match cpu(Bound::Limit) {
                (millis, true) => Some(quota_us(millis)),
                _ => None,
            },
            memory_bytes: match sum(pod, Bound::Limit, "memory") {
                (millis, true) => Some(millis / 1000),
                _ => None,
            },
        }
    }

    /// The greater of both, in everything; no limit is the greatest.
    pub(crate) fn at_least(self, other: Limits) -> Limits {
        let most = |one: Option<i64>, other: Option<i64>| Some(one?.max(other?));
        Limits {
            cpu_shares: self.cpu_shares.max(other.cpu_shares),
            cpu_quota_us: most(self.cpu_quota_us, other.cpu_quota_us),
            memory_bytes: most(self.memory_bytes, other.memory_bytes),
        }
    }

    /// The same weight, and no limit.
    pub(crate) fn without_bounds(self) -> Limits {
        Limits {
            cpu_quota_us: None,
            memory_bytes: None,
            ..self
        }
    }

    /// The quota as version 2 writes it, with its period.
    pub(super) fn cpu_max(&self) -> String {
        let quota = self.cpu_quota_us.map(|quota| quota.to_string());
        format!("{} {PERIOD_US}", quota.as_deref().unwrap_or("max"))
    }
}

/// How much the containers need at the same time, in thousandths, and whether each of them says how much. An init container
/// runs beside the sidecars before it, and before all others.
pub(crate) fn sum(pod: &Pod, bound: Bound, resource: &str) -> (i64, bool) {
    let (mut together, mut most, mut is_told) = (0_i64, 0, true);
    for (role, container) in object::containers(pod) {
        let found = amount(container, bound, resource);
        is_told &= found.is_some();
        let found = found.unwrap_or(0);
        match role {
            Role::Init => most = most.max(together.saturating_add(found)),
            _ => together = together.saturating_add(found),
        }
    }
    (most.max(together), is_told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn limits(spec: Value) -> Limits {
        let pod: Pod = serde_json::from_value(json!({"spec": spec})).expect("a Pod");
        Limits::of(&pod)
    }

    fn container(resources: Value) -> Value {
        json!({"name": "a", "resources": resources})
    }

    #[test]
    fn a_pod_has_what_its_containers_have_together() {
        let half = container(json!({"limits": {"cpu": "500m", "memory": "64Mi"}}));
        let expected = Limits {
            cpu_shares: 1024,
            cpu_quota_us: Some(100_000),
            memory_bytes: Some(128 << 20),
        };
        let found = limits(json!({"containers": [half, half]}));
        assert_eq!(found, expected);
        assert_eq!(found.cpu_max(), "100000 100000");

        // One without a limit leaves the Pod without.
        let asks = container(json!({"requests": {"cpu": "250m"}}));
        let found = limits(json!({"containers": [half, asks]}));
        assert_eq!((found.cpu_shares, found.cpu_quota_us), (768, None));
        assert_eq!(found.cpu_max(), "max 100000");

        let nothing = limits(json!({"containers": [container(json!({}))]}));
        assert_eq!((nothing.cpu_shares, nothing.memory_bytes), (2, None));
    }

    #[test]
    fn no_limit_is_the_greatest() {
        let of = |cpu_quota_us, memory_bytes| Limits {
            cpu_shares: 2,
            cpu_quota_us,
            memory_bytes,
        };
        let (one, other) = (of(Some(1), Some(2)), of(Some(2), None));
        assert_eq!(one.at_least(other), of(Some(2), None));
        assert_eq!(one.at_least(one.without_bounds()), of(None, None));
    }

    #[test]
    fn init_containers_come_before_and_sidecars_beside() {
        let cpu = |cpu: &str, policy: Value| json!({"name": "a", "restartPolicy": policy, "resources": {"requests": {"cpu": cpu}}});
        let found = limits(json!({
            "initContainers": [cpu("100m", json!("Always")), cpu("1", Value::Null)],
            "containers": [cpu("500m", Value::Null)],
        }));
        assert_eq!(found.cpu_shares, 1126);
    }
}
