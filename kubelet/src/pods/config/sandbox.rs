//! The configuration of a Pod's sandbox.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::dns::{self, Resolvers};
use super::security;
use crate::config::Paths;
use crate::pods::{cgroup, object};
use crate::runtime::cri::{
    LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol,
};
use crate::runtime::labels;

/// A Linux host name is at most 63 characters (pod.spec.hostname is cut to it).
const MAX_HOSTNAME: usize = 63;

/// What all sandboxes of the node share.
pub(crate) struct Node<'a> {
    pub(crate) paths: &'a Paths,
    pub(crate) resolvers: &'a Resolvers,
    pub(crate) cgroup_parent: &'a str,
}

/// The Pod's host name: `spec.hostname`, else its name.
pub(crate) fn hostname(pod: &Pod) -> String {
    let spec = pod.spec.as_ref();
    let overridden = spec.and_then(|spec| spec.hostname_override.clone());
    if let Some(name) = overridden {
        return name;
    }
    let own = spec
        .and_then(|spec| spec.hostname.clone())
        .filter(|name| !name.is_empty());
    let mut name = own.unwrap_or_else(|| pod.name_any());
    name.truncate(MAX_HOSTNAME);
    name.trim_end_matches(['-', '.']).to_owned()
}

/// The Pod's domain, if it has a subdomain: `nginx.ns.svc.cluster.local`.
pub(crate) fn domain(pod: &Pod, cluster_domain: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let subdomain = spec.subdomain.as_deref().filter(|name| !name.is_empty())?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    Some(format!("{subdomain}.{namespace}.svc.{cluster_domain}"))
}

/// The configuration of the sandbox of that attempt.
pub(crate) fn config(pod: &Pod, attempt: u32, node: &Node<'_>) -> PodSandboxConfig {
    let (name, uid) = (pod.name_any(), object::uid(pod));
    let namespace = pod.namespace().unwrap_or_default();
    let logs = node.paths.pod_logs(&namespace, &name, uid);
    let on_host = object::on_host_network(pod);
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name,
            uid: uid.to_owned(),
            namespace,
            attempt,
        }),
        // On the host's network the host's name is kept.
        hostname: if on_host {
            String::new()
        } else {
            full_hostname(pod, node)
        },
        log_directory: logs.to_string_lossy().into_owned(),
        dns_config: Some(dns::config(pod, node.resolvers)),
        port_mappings: if on_host {
            Vec::new()
        } else {
            port_mappings(pod)
        },
        labels: pod_labels(pod),
        annotations: pod.annotations().clone().into_iter().collect(),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: cgroup::path(node.cgroup_parent, pod),
            security_context: Some(security::sandbox(pod)),
            sysctls: sysctls(pod),
            ..LinuxPodSandboxConfig::default()
        }),
        windows: None,
    }
}

fn full_hostname(pod: &Pod, node: &Node<'_>) -> String {
    let spec = pod.spec.as_ref();
    let is_full = spec.and_then(|spec| spec.set_hostname_as_fqdn) == Some(true);
    let name = hostname(pod);
    match domain(pod, &node.resolvers.cluster_domain) {
        Some(domain) if is_full => format!("{name}.{domain}"),
        _ => name,
    }
}

/// The Pod's own labels, and those by which the kubelet finds its sandboxes again.
fn pod_labels(pod: &Pod) -> HashMap<String, String> {
    let mut all: HashMap<String, String> = pod.labels().clone().into_iter().collect();
    all.extend(identity(pod));
    all
}

/// The labels that name the Pod.
pub(super) fn identity(pod: &Pod) -> [(String, String); 3] {
    [
        (labels::POD_NAME, pod.name_any()),
        (labels::POD_NAMESPACE, pod.namespace().unwrap_or_default()),
        (labels::POD_UID, object::uid(pod).to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

fn port_mappings(pod: &Pod) -> Vec<PortMapping> {
    let containers = object::containers(pod).map(|(_, container)| container);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports
        .map(|port| PortMapping {
            protocol: match port.protocol.as_deref() {
                Some("UDP") => Protocol::Udp,
                Some("SCTP") => Protocol::Sctp,
                _ => Protocol::Tcp,
            } as i32,
            container_port: port.container_port,
            host_port: port.host_port.unwrap_or(0),
            host_ip: port.host_ip.clone().unwrap_or_default(),
        })
        .collect()
}

fn sysctls(pod: &Pod) -> HashMap<String, String> {
    let spec = pod.spec.as_ref();
    let context = spec.and_then(|spec| spec.security_context.as_ref());
    let sysctls = context.and_then(|context| context.sysctls.as_ref());
    let sysctls = sysctls.into_iter().flatten();
    sysctls
        .map(|one| (one.name.clone(), one.value.clone()))
        .collect()
}
