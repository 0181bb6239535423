//! The step from one ServiceSpec to the next: what was allocated stays, what the new type has no use for goes.

use std::collections::HashMap;

use serde_json::Value;

use super::needs::{has_cluster_ip, has_health_check_port, has_node_ports, is_external};
use crate::field::{Error, Errors};
use crate::kinds::common::Field;
use crate::kinds::common::defaults::{default_nonzero, default_to, each, remove};

/// Completes the new spec from the old one, for users replace Services without naming what they were given.
pub(super) fn prepare(new: &mut Value, old: &Value) {
    follow_cluster_ip(new, old);
    keep_allocated(new, old);
    drop_unused(new, old);
}

/// Who changes `clusterIP` and leaves `clusterIPs` as it was means both.
fn follow_cluster_ip(new: &mut Value, old: &Value) {
    if new["clusterIP"] == old["clusterIP"] || new["clusterIPs"] != old["clusterIPs"] {
        return;
    }
    let address = new["clusterIP"].clone();
    if address.as_str().is_some_and(|text| !text.is_empty()) {
        if let Some(first) = each(new, "clusterIPs").next() {
            *first = address;
        }
    } else {
        remove(new, "clusterIPs");
    }
}

fn keep_allocated(new: &mut Value, old: &Value) {
    if has_cluster_ip(new) && has_cluster_ip(old) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            keep(new, old, field);
        }
    }
    if has_node_ports(new) && has_node_ports(old) {
        keep_node_ports(new, old);
    }
    if has_health_check_port(new) && has_health_check_port(old) {
        let port = old["healthCheckNodePort"].as_i64();
        default_nonzero(new, "healthCheckNodePort", port.unwrap_or_default());
    }
}

fn keep(new: &mut Value, old: &Value, field: &str) {
    if new[field].as_array().is_some_and(Vec::is_empty) {
        remove(new, field);
    }
    if !old[field].is_null() {
        default_to(new, field, old[field].clone());
    }
}

fn keep_node_ports(new: &mut Value, old: &Value) {
    let key = |port: &Value| (port["protocol"].to_string(), port["port"].as_i64());
    let given = old["ports"].as_array().into_iter().flatten();
    let mut free: HashMap<_, _> = given
        .filter_map(|port| Some((key(port), port["nodePort"].as_i64()?)))
        .collect();
    for taken in node_ports(new) {
        free.retain(|_, node_port| *node_port != taken);
    }
    for port in each(new, "ports") {
        if let Some(node_port) = free.get(&key(port)) {
            default_nonzero(port, "nodePort", *node_port);
        }
    }
}

fn node_ports(spec: &Value) -> Vec<i64> {
    let ports = spec["ports"].as_array().into_iter().flatten();
    let numbers = ports.filter_map(|port| port["nodePort"].as_i64());
    numbers.filter(|number| *number != 0).collect()
}

/// Removes what the old type needed and the new one does not, unless the user set it anew.
fn drop_unused(new: &mut Value, old: &Value) {
    let is_balanced = |spec: &Value| spec["type"] == "LoadBalancer";
    let no_more = |needs: fn(&Value) -> bool, new: &Value| needs(old) && !needs(new);
    let mut unused: Vec<&str> = Vec::new();
    if no_more(has_cluster_ip, new) {
        unused.extend(["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]);
        unused.push("internalTrafficPolicy");
    }
    if no_more(is_balanced, new) {
        unused.extend(["allocateLoadBalancerNodePorts", "loadBalancerClass"]);
    }
    if no_more(has_health_check_port, new) {
        unused.push("healthCheckNodePort");
    }
    if no_more(is_external, new) {
        unused.push("externalTrafficPolicy");
    }
    unused.retain(|field| new[*field] == old[*field]);
    for field in unused {
        remove(new, field);
    }
    if no_more(has_node_ports, new) && node_ports(new) == node_ports(old) {
        each(new, "ports").for_each(|port| drop(remove(port, "nodePort")));
    }
}

/// What is wrong with a change of a ServiceSpec (`ValidateServiceUpdate`).
pub(super) fn validate(new: &Field<'_>, old: &Field<'_>) -> Errors {
    let mut errors = Errors::new();
    if has_cluster_ip(new.value()) && has_cluster_ip(old.value()) {
        for field in ["clusterIPs", "ipFamilies"] {
            first_stays(&new.get(field), &old.get(field), &mut errors);
        }
    }
    let (health, old_health) = (
        new.get("healthCheckNodePort"),
        old.get("healthCheckNodePort"),
    );
    let both_checked = has_health_check_port(new.value()) && has_health_check_port(old.value());
    if both_checked && old_health.is_set() && health.value() != old_health.value() {
        errors.push(health.forbidden("field is immutable"));
    }
    let (class, old_class) = (new.get("loadBalancerClass"), old.get("loadBalancerClass"));
    let balanced = |spec: &Field<'_>| spec.get("type").str() == "LoadBalancer";
    if balanced(new) && balanced(old) && class.value() != old_class.value() {
        errors.push(class.invalid("may not change once set"));
    }
    errors
}

fn first_stays(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let first = &old.value()[0];
    if !first.is_null() && new.value()[0] != *first {
        let words = "may not change once set";
        errors.push(Error::invalid(
            &new.path().index(0),
            new.value().clone(),
            words,
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Strategy;
    use crate::kinds::common::testing::{update_errors, updated};
    use crate::kinds::service::Service;

    fn service(spec: Value) -> Value {
        json!({"metadata": {"name": "a"}, "spec": spec})
    }

    fn node_port_service() -> Value {
        service(json!({
            "type": "NodePort", "clusterIP": "10.96.0.9", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80, "nodePort": 30080}],
        }))
    }

    #[test]
    fn what_was_allocated_stays() {
        let new = service(
            json!({"type": "NodePort", "ports": [{"port": 80}, {"port": 81, "name": "b"}]}),
        );
        let spec = &updated(&Service, &node_port_service(), &new)["spec"];
        assert_eq!(
            (&spec["clusterIP"], &spec["clusterIPs"]),
            (&json!("10.96.0.9"), &json!(["10.96.0.9"]))
        );
        assert_eq!(spec["ipFamilies"], json!(["IPv4"]));
        assert_eq!(spec["ports"][0]["nodePort"], 30080);
        assert!(spec["ports"][1]["nodePort"].is_null());
    }

    #[test]
    fn another_type_drops_what_it_has_no_use_for() {
        let old = node_port_service();
        let mut new = old.clone();
        Service.default(&mut new);
        new["spec"]["type"] = "ClusterIP".into();
        let spec = updated(&Service, &old, &new)["spec"].clone();
        assert!(spec["ports"][0]["nodePort"].is_null());
        assert!(spec["externalTrafficPolicy"].is_null());
        assert_eq!(spec["clusterIP"], "10.96.0.9");
        assert_eq!(update_errors(&Service, &old, &new), [""; 0]);

        new["spec"]["type"] = "ExternalName".into();
        new["spec"]["externalName"] = "example.com".into();
        assert_eq!(update_errors(&Service, &old, &new), [""; 0]);
        assert!(updated(&Service, &old, &new)["spec"]["clusterIPs"].is_null());
    }

    #[test]
    fn the_address_stays() {
        let old = service(json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}));
        let new = service(json!({"clusterIP": "10.96.0.10", "ports": [{"port": 80}]}));
        let refused =
            ["spec.clusterIPs[0]: Invalid value: [\"10.96.0.10\"]: may not change once set"];
        assert_eq!(update_errors(&Service, &old, &new), refused);
        let patched = service(json!({
            "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.9"], "ports": [{"port": 80}],
        }));
        assert_eq!(update_errors(&Service, &old, &patched), refused);
    }
}
