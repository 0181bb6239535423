//! The defaults of ServiceSpec.

use serde_json::Value;

use super::needs::{has_cluster_ip, is_external};
use crate::kinds::common::defaults::{default_nonzero, default_to, each, ensure, pair, remove};

const THREE_HOURS_IN_SECONDS: i64 = 10_800;

/// The defaults of a ServiceSpec, but for what is allocated.
pub(super) fn default(spec: &mut Value) {
    default_to(spec, "type", "ClusterIP");
    default_to(spec, "sessionAffinity", "None");
    session_affinity(spec);
    for port in each(spec, "ports") {
        default_to(port, "protocol", "TCP");
        if let Some(number) = port["port"].as_i64() {
            default_to(port, "targetPort", number);
            default_nonzero(port, "targetPort", number);
        }
    }
    if is_external(spec) {
        default_to(spec, "externalTrafficPolicy", "Cluster");
    }
    if has_cluster_ip(spec) {
        default_to(spec, "internalTrafficPolicy", "Cluster");
    }
    if spec["type"] == "LoadBalancer" {
        default_to(spec, "allocateLoadBalancerNodePorts", true);
    }
    pair(spec, "clusterIP", "clusterIPs");
}

fn session_affinity(spec: &mut Value) {
    if spec["sessionAffinity"] == "None" {
        remove(spec, "sessionAffinityConfig");
    }
    if spec["sessionAffinity"] == "ClientIP" {
        let config = ensure(spec, "sessionAffinityConfig");
        if let Some(client_ip) = config.and_then(|config| ensure(config, "clientIP")) {
            default_to(client_ip, "timeoutSeconds", THREE_HOURS_IN_SECONDS);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults() {
        for (given, defaulted) in [
            (
                json!({"ports": [{"port": 80}]}),
                json!({
                    "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                    "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
                }),
            ),
            (
                json!({
                    "type": "NodePort", "sessionAffinity": "ClientIP",
                    "ports": [{"port": 53, "protocol": "UDP", "targetPort": "dns"}],
                }),
                json!({
                    "type": "NodePort", "sessionAffinity": "ClientIP",
                    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                    "internalTrafficPolicy": "Cluster", "externalTrafficPolicy": "Cluster",
                    "ports": [{"port": 53, "protocol": "UDP", "targetPort": "dns"}],
                }),
            ),
            (
                json!({"type": "LoadBalancer", "clusterIP": "10.96.0.9"}),
                json!({
                    "type": "LoadBalancer", "sessionAffinity": "None", "allocateLoadBalancerNodePorts": true,
                    "internalTrafficPolicy": "Cluster", "externalTrafficPolicy": "Cluster",
                    "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
                }),
            ),
            (
                json!({"type": "ExternalName", "externalName": "example.com"}),
                json!({"type": "ExternalName", "externalName": "example.com", "sessionAffinity": "None"}),
            ),
        ] {
            let mut spec = given;
            default(&mut spec);
            assert_eq!(spec, defaulted);
        }
    }
}
