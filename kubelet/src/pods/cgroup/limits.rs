//! What a Pod's cgroup may use: the sums over its containers, as the kubelet's `ResourceConfigForPod` has them.

use k8s_openapi::api::core::v1::Pod;
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, ceiling, wanted};

use crate::pods::config::resources::{MIN_SHARES, PERIOD_US, Qos, qos, quota_us, shares};

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
        let Some(spec) = &pod.spec else {
            return Limits {
                cpu_shares: MIN_SHARES,
                cpu_quota_us: None,
                memory_bytes: None,
            };
        };
        let request = wanted(spec, Bound::Request).get("cpu").copied();
        let millis = request.unwrap_or(Quantity::ZERO).milli_value();
        Limits {
            cpu_shares: match qos(pod) {
                Qos::BestEffort => MIN_SHARES,
                _ => shares(millis),
            },
            cpu_quota_us: ceiling(spec, "cpu").map(|cpu| quota_us(cpu.milli_value())),
            memory_bytes: ceiling(spec, "memory").map(Quantity::value),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn limits(class: &str, spec: Value) -> Limits {
        let pod = json!({"spec": spec, "status": {"qosClass": class}});
        Limits::of(&serde_json::from_value(pod).expect("a Pod"))
    }

    fn container(resources: Value) -> Value {
        json!({"name": "a", "resources": resources})
    }

    #[test]
    fn a_pod_has_what_its_containers_have_together() {
        let amounts = json!({"cpu": "500m", "memory": "64Mi"});
        let half = container(json!({"requests": amounts, "limits": amounts}));
        let expected = Limits {
            cpu_shares: 1024,
            cpu_quota_us: Some(100_000),
            memory_bytes: Some(128 << 20),
        };
        let found = limits("Guaranteed", json!({"containers": [half, half]}));
        assert_eq!(found, expected);
        assert_eq!(found.cpu_max(), "100000 100000");

        // One without a limit leaves the Pod without.
        let asks = container(json!({"requests": {"cpu": "250m"}}));
        let found = limits("Burstable", json!({"containers": [half, asks]}));
        assert_eq!((found.cpu_shares, found.cpu_quota_us), (768, None));
        assert_eq!(found.cpu_max(), "max 100000");

        // What the Pod itself says takes the place of that.
        let whole = json!({"requests": {"cpu": "3"}, "limits": {"cpu": "4"}});
        let found = limits(
            "Burstable",
            json!({"containers": [half, asks], "resources": whole}),
        );
        assert_eq!(
            (found.cpu_shares, found.cpu_quota_us),
            (3072, Some(400_000))
        );

        let nothing = limits("BestEffort", json!({"containers": [container(json!({}))]}));
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
}
