//! Probes of containers.
//!
//! ```text
//!   worker ──► run(task) every period: exec │ http │ tcp │ grpc ──► Outcome ──► Thresholds ──► Found ──► worker
//! ```

mod exec;
mod grpc;
mod http;
mod insecure;
mod task;
mod tcp;
#[cfg(test)]
mod tests;
mod thresholds;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::runtime::Runtime;

pub(crate) use self::http::get as http_get;
pub(crate) use self::task::{Found, Task, run};

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ProbeKind {
    /// Whether the container is to be restarted.
    Liveness,
    /// Whether the container takes requests.
    Readiness,
    /// Whether the container has started; the other two wait for it.
    Startup,
}

impl ProbeKind {
    pub(crate) const ALL: [ProbeKind; 3] = [
        ProbeKind::Startup,
        ProbeKind::Liveness,
        ProbeKind::Readiness,
    ];

    /// As events name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
            ProbeKind::Startup => "Startup",
        }
    }

    /// The container's probe of this kind.
    pub(crate) fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            ProbeKind::Liveness => container.liveness_probe.as_ref(),
            ProbeKind::Readiness => container.readiness_probe.as_ref(),
            ProbeKind::Startup => container.startup_probe.as_ref(),
        }
    }
}

/// How one run of a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// With what is told in the event.
    Failed(String),
    /// The probe could not be run: it says nothing about the container.
    Unknown(String),
}

/// What a probe is aimed at.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) container_id: String,
    pub(crate) container: Container,
    /// The Pod's address.
    pub(crate) ip: String,
}

/// Runs a probe once.
pub(crate) async fn probe_once<R: Runtime>(runtime: &R, target: &Target, probe: &Probe) -> Outcome {
    let timeout = Duration::from_secs(seconds(probe.timeout_seconds, 1));
    if let Some(action) = &probe.exec {
        let command = action.command.clone().unwrap_or_default();
        return exec::probe(runtime, &target.container_id, command, timeout).await;
    }
    let port = |port: &IntOrString| resolve_port(&target.container, port);
    if let Some(action) = &probe.http_get {
        let Some(port) = port(&action.port) else {
            return Outcome::Unknown(format!("no port {:?}", action.port));
        };
        let host = action.host.as_deref().filter(|host| !host.is_empty());
        return http::probe(host.unwrap_or(&target.ip), port, action, timeout).await;
    }
    if let Some(action) = &probe.tcp_socket {
        let Some(port) = port(&action.port) else {
            return Outcome::Unknown(format!("no port {:?}", action.port));
        };
        let host = action.host.as_deref().filter(|host| !host.is_empty());
        return tcp::probe(host.unwrap_or(&target.ip), port, timeout).await;
    }
    if let Some(action) = &probe.grpc {
        let Ok(port) = u16::try_from(action.port) else {
            return Outcome::Unknown(format!("no port {}", action.port));
        };
        let service = action.service.clone().unwrap_or_default();
        return grpc::probe(&target.ip, port, service, timeout).await;
    }
    Outcome::Unknown("the probe says nothing to do".to_owned())
}

/// A port by number, or by its name among the container's.
pub(crate) fn resolve_port(container: &Container, port: &IntOrString) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten();
            let named = named.filter(|one| one.name.as_deref() == Some(name));
            let number = named.map(|one| one.container_port).next();
            number.or_else(|| name.parse().ok())?
        }
    };
    u16::try_from(number).ok().filter(|port| *port > 0)
}

/// A setting in seconds; what is not set or not positive is the default.
pub(crate) fn seconds(set: Option<i32>, default: u64) -> u64 {
    set.and_then(|set| u64::try_from(set).ok())
        .filter(|set| *set > 0)
        .unwrap_or(default)
}
