//! The status of a Pod: a pure function of its spec, what the runtime has and what the plan waits for.

mod conditions;
mod containers;
mod patch;
mod phase;
#[cfg(test)]
mod tests;
mod unknown;

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, Pod, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::object;
use super::orders::Eviction;
use super::plan::{DEADLINE_EXCEEDED, Life, Plan, deadline};
use super::progress::Probes;
use super::resize::Resizing;
use super::seen::{Sandbox, Seen};

pub(crate) use self::patch::patch;

/// All that a status is made from.
pub(crate) struct Input<'a> {
    pub(crate) pod: &'a Pod,
    /// The status that the API server has.
    pub(crate) old: &'a PodStatus,
    pub(crate) seen: &'a Seen,
    pub(crate) plan: &'a Plan,
    pub(crate) probes: &'a Probes,
    pub(crate) resizing: &'a Resizing,
    /// Why the Pod must leave the node, if it must.
    pub(crate) evicted: Option<&'a Eviction>,
    pub(crate) node_ip: IpAddr,
    pub(crate) now: Timestamp,
}

impl Input<'_> {
    /// Whether the Pod has ended, and nothing of it runs.
    fn is_idle(&self) -> bool {
        matches!(self.plan.life, Life::Ended | Life::Over)
    }

    /// Whether the node did not take the Pod, as this kubelet or one before it said: it never had containers.
    fn was_rejected(&self) -> bool {
        let old = self.old;
        let lists = [&old.init_container_statuses, &old.container_statuses];
        let had_none = lists.into_iter().flatten().all(Vec::is_empty)
            && self.seen.instances().next().is_none();
        self.evicted.is_some_and(Eviction::is_rejection)
            || (had_none && old.phase.as_deref() == Some("Failed"))
    }
}

/// The addresses of a Pod in this sandbox, the first one first; those of the node on the host's network.
pub(crate) fn ips_of(pod: &Pod, sandbox: &Sandbox, node_ip: IpAddr) -> Vec<String> {
    match object::on_host_network(pod) {
        true => vec![node_ip.to_string()],
        false => sandbox.ips.clone(),
    }
}

/// Makes the status.
pub(crate) fn status(input: &Input<'_>) -> PodStatus {
    let Input {
        pod,
        old,
        seen,
        node_ip,
        ..
    } = input;
    let mut status = PodStatus {
        host_ip: Some(node_ip.to_string()),
        host_ips: Some(vec![HostIP {
            ip: node_ip.to_string(),
        }]),
        start_time: old.start_time.clone().or(Some(Time(input.now))),
        qos_class: old.qos_class.clone(),
        observed_generation: pod.metadata.generation,
        nominated_node_name: old.nominated_node_name.clone(),
        ..PodStatus::default()
    };
    if !input.was_rejected() {
        containers::fill(input, &mut status);
        fill_resources(input, &mut status);
    }
    status.phase = Some(phase::phase(input, &status).to_owned());
    if object::is_terminal(pod) || status.phase.as_deref() == Some("Failed") {
        status.reason = old.reason.clone();
        status.message = old.message.clone();
    }
    let was_over = matches!(old.phase.as_deref(), Some("Succeeded" | "Failed"));
    if let Some(eviction) = input.evicted {
        if input.is_idle() && !was_over {
            status.phase = Some("Failed".to_owned());
            status.reason = Some(eviction.reason().to_owned());
            status.message = Some(eviction.status_message());
        }
    } else if input.plan.life != Life::Running && is_over_deadline(input) {
        status.phase = Some("Failed".to_owned());
        status.reason = Some("DeadlineExceeded".to_owned());
        status.message = Some(DEADLINE_EXCEEDED.to_owned());
    }
    let ips = seen
        .sandbox()
        .map(|sandbox| ips_of(pod, sandbox, *node_ip))
        .unwrap_or_default();
    // The last address stays in the status when the sandbox is gone: it says where the Pod was.
    let ips = if ips.is_empty() { known_ips(old) } else { ips };
    status.pod_ip = ips.first().cloned();
    status.pod_ips = (!ips.is_empty()).then(|| ips.into_iter().map(|ip| PodIP { ip }).collect());
    status.conditions = Some(conditions::conditions(input, &status));
    status
}

/// What the Pod has by itself, beside its containers (KEP-5419).
fn fill_resources(input: &Input<'_>, status: &mut PodStatus) {
    let spec = input.pod.spec.as_ref();
    let granted = spec.and_then(|spec| spec.resources.as_ref());
    status.allocated_resources = granted.and_then(|all| all.requests.clone());
    status.resources = input.resizing.pod_has().or(granted).cloned();
}

fn known_ips(old: &PodStatus) -> Vec<String> {
    let known = old.pod_ips.iter().flatten();
    known.map(|known| known.ip.clone()).collect()
}

fn is_over_deadline(input: &Input<'_>) -> bool {
    let has_ended_by_itself = super::plan::is_finished(input.pod, input.seen);
    !has_ended_by_itself && deadline(input.pod).is_some_and(|at| at <= input.now)
}
