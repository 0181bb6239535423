//! What a Service needs, which follows from its type.

use serde_json::Value;

/// Whether the Service is more than another name.
pub(super) fn has_cluster_ip(spec: &Value) -> bool {
    spec["type"] != "ExternalName"
}

/// Whether the Service has a port on every node.
pub(super) fn has_node_ports(spec: &Value) -> bool {
    let switched_off = spec["allocateLoadBalancerNodePorts"] == false;
    spec["type"] == "NodePort" || (spec["type"] == "LoadBalancer" && !switched_off)
}

/// Whether the load balancer asks each node for its own endpoints.
pub(super) fn has_health_check_port(spec: &Value) -> bool {
    spec["type"] == "LoadBalancer" && spec["externalTrafficPolicy"] == "Local"
}

/// Whether the Service can be reached from outside the cluster.
pub(super) fn is_external(spec: &Value) -> bool {
    let has_external_ips = || {
        spec["externalIPs"]
            .as_array()
            .is_some_and(|ips| !ips.is_empty())
    };
    match spec["type"].as_str() {
        Some("LoadBalancer" | "NodePort") => true,
        Some("ClusterIP") => has_external_ips(),
        _ => false,
    }
}
