//! CPU and memory of a node and of Pods, and whether there is enough: pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, wanted};

use super::{Refusal, RefusalKind};
use crate::quantity;

/// So much of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    cpu_millis: i64,
    memory_bytes: i64,
}

impl Amounts {
    /// What a node has for Pods.
    pub(super) fn of_node(allocatable: &BTreeMap<String, ApiQuantity>) -> Self {
        let of = |resource: &str| allocatable.get(resource);
        Self {
            cpu_millis: of("cpu").and_then(quantity::millis).unwrap_or(0),
            memory_bytes: of("memory").and_then(quantity::value).unwrap_or(0),
        }
    }

    /// What the Pod asks for.
    pub(super) fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let asked = spec.map(|spec| wanted(spec, Bound::Request));
        let of = |resource: &str| {
            let found = asked.as_ref().and_then(|all| all.get(resource));
            found.copied().unwrap_or(Quantity::ZERO)
        };
        Self {
            cpu_millis: of("cpu").milli_value(),
            memory_bytes: of("memory").value(),
        }
    }

    pub(super) fn is_within(self, other: Self) -> bool {
        self.cpu_millis <= other.cpu_millis && self.memory_bytes <= other.memory_bytes
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
        }
    }
}

/// Whether a node that has `all`, of which others use `used`, has what is wanted.
pub(super) fn judge(all: Amounts, used: Amounts, wanted: Amounts) -> Result<(), Refusal> {
    let cpu = ("cpu", wanted.cpu_millis, used.cpu_millis, all.cpu_millis);
    let memory = (
        "memory",
        wanted.memory_bytes,
        used.memory_bytes,
        all.memory_bytes,
    );
    for (resource, wanted, _, all) in [memory, cpu] {
        if wanted > all {
            return Err(Refusal {
                kind: RefusalKind::Infeasible,
                message: format!(
                    "Node didn't have enough capacity: {resource}, requested: {wanted}, capacity: {all}"
                ),
            });
        }
    }
    for (resource, wanted, used, all) in [cpu, memory] {
        if wanted > 0 && wanted > all - used {
            return Err(Refusal {
                kind: RefusalKind::Deferred,
                message: format!(
                    "Node didn't have enough resource: {resource}, requested: {wanted}, used: {used}, capacity: {all}"
                ),
            });
        }
    }
    Ok(())
}
