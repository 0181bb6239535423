//! The rules of ServiceSpec.

use super::needs::{has_cluster_ip, has_health_check_port, is_external};
use crate::field::{Error, Errors};
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::net;
use crate::names;

const DAY_IN_SECONDS: i64 = 86_400;
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/// What is wrong with a ServiceSpec (`ValidateService`).
pub(super) fn validate(spec: &Field<'_>) -> Errors {
    let mut errors = Errors::new();
    ports(spec, &mut errors);
    of_type(spec, &mut errors);
    checks::labels(&spec.get("selector"), &mut errors);
    affinity(spec, &mut errors);
    addresses(spec, &mut errors);
    policies(spec, &mut errors);
    load_balancer(spec, &mut errors);
    errors
}

fn is_headless(spec: &Field<'_>) -> bool {
    spec.get("clusterIP").str() == "None"
}

fn of_type(spec: &Field<'_>, errors: &mut Errors) {
    let kind = spec.get("type");
    checks::one_of(&kind, TYPES, errors);
    match kind.str() {
        "ExternalName" => external_name(spec, errors),
        "LoadBalancer" | "NodePort" if is_headless(spec) => {
            let words = format!("may not be set to 'None' for {} services", kind.str());
            let path = spec.get("clusterIPs").path().index(0);
            errors.push(Error::invalid(&path, "None", words));
        }
        _ => {}
    }
}

fn external_name(spec: &Field<'_>, errors: &mut Errors) {
    let addresses = spec.get("clusterIPs");
    if !addresses.is_empty() {
        errors.push(addresses.forbidden("may not be set for ExternalName services"));
    }
    for field in ["ipFamilies", "ipFamilyPolicy"] {
        let field = spec.get(field);
        if !field.is_empty() {
            errors.push(field.forbidden("may not be set for ExternalName services"));
        }
    }
    let name = spec.get("externalName");
    checks::required(&name, errors);
    let without_dot = name.str().strip_suffix('.').unwrap_or(name.str());
    if !without_dot.is_empty() {
        let wrong = names::dns_subdomain(without_dot);
        errors.extend(name.invalid_each(wrong));
    }
}

fn ports(spec: &Field<'_>, errors: &mut Errors) {
    let ports = spec.get("ports");
    if ports.is_empty() && !is_headless(spec) && has_cluster_ip(spec.value()) {
        errors.push(ports.required(""));
    }
    let several = ports.len() > 1;
    let (mut named, mut numbers, mut on_nodes) = (Seen::new(), Seen::new(), Seen::new());
    for port in ports.items() {
        let (name, number) = (port.get("name"), port.get("port"));
        let (protocol, node_port) = (port.get("protocol"), port.get("nodePort"));
        one_port(&port, several, errors);
        if !name.is_empty() {
            named.add(name.str(), &name, errors);
        }
        numbers.add((protocol.str(), number.int()), &port, errors);
        let Some(on_node) = node_port.int().filter(|number| *number != 0) else {
            continue;
        };
        on_nodes.add((protocol.str(), on_node), &node_port, errors);
        if spec.get("type").str() == "ClusterIP" {
            errors.push(node_port.forbidden("may not be used when `type` is 'ClusterIP'"));
        }
    }
}

fn one_port(port: &Field<'_>, several: bool, errors: &mut Errors) {
    let name = port.get("name");
    if several {
        checks::required(&name, errors);
    }
    checks::name(&name, names::dns_label, errors);
    net::port_number(&port.get("port"), errors);
    net::protocol(&port.get("protocol"), errors);
    net::port_number_or_name(&port.get("targetPort"), errors);
    checks::name(&port.get("appProtocol"), names::qualified_name, errors);
    let node_port = port.get("nodePort");
    if node_port.int() != Some(0) {
        checks::in_range(&node_port, net::PORTS, errors);
    }
}

fn affinity(spec: &Field<'_>, errors: &mut Errors) {
    let affinity = spec.get("sessionAffinity");
    checks::one_of(&affinity, &["ClientIP", "None"], errors);
    let timeout = spec
        .get("sessionAffinityConfig")
        .get("clientIP")
        .get("timeoutSeconds");
    if affinity.str() == "ClientIP"
        && !(1..=DAY_IN_SECONDS).contains(&timeout.int().unwrap_or_default())
    {
        let words = format!("must be greater than 0 and less than {DAY_IN_SECONDS}");
        errors.push(timeout.invalid(words));
    }
}

fn addresses(spec: &Field<'_>, errors: &mut Errors) {
    let own = spec.get("clusterIPs");
    for (index, address) in own.items().enumerate() {
        if address.str() == "None" && index == 0 && own.len() == 1 {
            continue;
        }
        checks::required_name(&address, names::ip, errors);
    }
    let (single, first) = (spec.get("clusterIP"), &own.value()[0]);
    if !single.is_empty() && first != single.value() {
        let words = "first value must match `clusterIP`";
        errors.push(own.invalid(words));
    }
    for address in spec.get("externalIPs").items() {
        net::endpoint_ip(&address, errors);
    }
}

fn policies(spec: &Field<'_>, errors: &mut Errors) {
    const POLICIES: &[&str] = &["Cluster", "Local"];
    let external = spec.get("externalTrafficPolicy");
    if is_external(spec.value()) {
        checks::one_of(&external, POLICIES, errors);
    } else if !external.is_empty() {
        errors.push(external.invalid("may only be set for externally-accessible services"));
    }
    let internal = spec.get("internalTrafficPolicy");
    if has_cluster_ip(spec.value()) {
        checks::required(&internal, errors);
    }
    checks::one_of_if_set(&internal, POLICIES, errors);
    let distribution = spec.get("trafficDistribution");
    let known = &["PreferClose", "PreferSameNode", "PreferSameZone"];
    checks::one_of_if_set(&distribution, known, errors);
    let families = &["PreferDualStack", "RequireDualStack", "SingleStack"];
    checks::one_of_if_set(&spec.get("ipFamilyPolicy"), families, errors);
    for family in spec.get("ipFamilies").items() {
        checks::one_of(&family, &["IPv4", "IPv6"], errors);
    }
}

fn load_balancer(spec: &Field<'_>, errors: &mut Errors) {
    let health = spec.get("healthCheckNodePort");
    if health.int().is_some_and(|port| port != 0) && !has_health_check_port(spec.value()) {
        let words =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.push(health.invalid(words));
    }
    for range in spec.get("loadBalancerSourceRanges").items() {
        let wrong = names::cidr(range.str().trim());
        errors.extend(range.invalid_each(wrong));
    }
    if spec.get("type").str() == "LoadBalancer" {
        let class = spec.get("loadBalancerClass");
        checks::name(&class, names::qualified_name, errors);
        return;
    }
    for field in [
        "loadBalancerSourceRanges",
        "loadBalancerClass",
        "allocateLoadBalancerNodePorts",
    ] {
        let field = spec.get(field);
        if !field.is_empty() {
            errors.push(field.forbidden("may only be used when `type` is 'LoadBalancer'"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::kinds::common::testing::create_errors;
    use crate::kinds::service::Service;

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 13] = [
            (json!({"ports": [{"port": 80}]}), &[]),
            (json!({"clusterIP": "None"}), &[]),
            (
                json!({"type": "ExternalName", "externalName": "example.com."}),
                &[],
            ),
            (json!({}), &["spec.ports: Required value"]),
            (
                json!({"type": "Magic", "ports": [{"port": 80}]}),
                &[
                    "spec.type: Unsupported value: \"Magic\": supported values: \
                   \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
                ],
            ),
            (
                json!({"type": "NodePort", "clusterIP": "None", "ports": [{"port": 80}]}),
                &[
                    "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
                ],
            ),
            (
                json!({"ports": [{"port": 80}, {"port": 0, "name": "b"}]}),
                &[
                    "spec.ports[0].name: Required value",
                    "spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                    "spec.ports[1].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
                ],
            ),
            (
                json!({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "a", "protocol": "UDP"}]}),
                &["spec.ports[1].name: Duplicate value: \"a\""],
            ),
            (
                json!({"ports": [{"port": 80, "nodePort": 30000}]}),
                &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
            ),
            (
                json!({"clusterIP": "ten", "ports": [{"port": 80}]}),
                &["spec.clusterIPs[0]: Invalid value: \"ten\": \
                   must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
            ),
            (
                json!({"externalTrafficPolicy": "Local", "ports": [{"port": 80}]}),
                &["spec.externalTrafficPolicy: Invalid value: \"Local\": \
                   may only be set for externally-accessible services"],
            ),
            (
                json!({
                    "sessionAffinity": "ClientIP", "ports": [{"port": 80}],
                    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}},
                }),
                &[
                    "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: \
                   must be greater than 0 and less than 86400",
                ],
            ),
            (
                json!({"type": "ExternalName"}),
                &["spec.externalName: Required value"],
            ),
        ];
        for (spec, expected) in cases {
            let service = json!({"metadata": {"name": "a"}, "spec": spec});
            assert_eq!(create_errors(&Service, &service), expected, "{spec}");
        }
    }
}
