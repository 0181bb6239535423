//! NetworkPolicies.

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::defaults::{default_to, each, existing};
use super::common::{Field, cells, checks, describe, net};
use crate::field::{Error, Errors, Path};
use crate::{Column, Descriptor, Selector, Strategy};

const TYPES: &[&str] = &["Egress", "Ingress"];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("netpol"),
        ..describe::namespaced(
            describe::NETWORKING,
            "NetworkPolicy",
            "networkpolicies",
            NetworkPolicy,
        )
    }
}

pub(super) struct NetworkPolicy;

impl Strategy for NetworkPolicy {
    /// What a policy without types means follows from what it says: always ingress, and egress if it has any.
    fn default(&self, policy: &mut Value) {
        let Some(spec) = existing(policy, "spec") else {
            return;
        };
        for direction in ["ingress", "egress"] {
            for rule in each(spec, direction) {
                for port in each(rule, "ports") {
                    default_to(port, "protocol", "TCP");
                }
            }
        }
        let has_egress = spec["egress"]
            .as_array()
            .is_some_and(|rules| !rules.is_empty());
        let types = match has_egress {
            true => json!(["Ingress", "Egress"]),
            false => json!(["Ingress"]),
        };
        default_to(spec, "policyTypes", types);
    }

    fn validate(&self, policy: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(policy).get("spec");
        checks::label_selector(&spec.get("podSelector"), &mut errors);
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            for rule in spec.get(direction).items() {
                rule.get("ports")
                    .items()
                    .for_each(|it| port(&it, &mut errors));
                rule.get(peers)
                    .items()
                    .for_each(|it| peer(&it, &mut errors));
            }
        }
        let types = spec.get("policyTypes");
        if types.len() > TYPES.len() {
            let words = "may not specify more than two policyTypes";
            errors.push(Error::invalid(types.path(), types.value().clone(), words));
        }
        types
            .items()
            .for_each(|it| checks::one_of(&it, TYPES, &mut errors));
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Pod-Selector", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, policy: &Value, now: Timestamp) -> Vec<Value> {
        let selector = &policy["spec"]["podSelector"];
        let selector = Selector::from_object(selector, &Path::root("spec"));
        let shown = selector
            .map(|selector| selector.to_string())
            .unwrap_or_default();
        vec![
            cells::name(policy),
            cells::or_none(&shown).into(),
            cells::age(policy, now),
        ]
    }
}

fn port(port: &Field<'_>, errors: &mut Errors) {
    let (number, end) = (port.get("port"), port.get("endPort"));
    net::protocol(&port.get("protocol"), errors);
    if number.is_set() {
        net::port_number_or_name(&number, errors);
    }
    if !end.is_set() {
        return;
    }
    net::port_number(&end, errors);
    match (number.int(), number.is_set()) {
        (Some(first), _) if end.int() < Some(first) => {
            errors.push(end.invalid("must be greater than or equal to `port`"));
        }
        (None, true) => {
            errors.push(end.invalid("may not be specified when `port` is non-numeric"));
        }
        (None, false) => {
            errors.push(end.invalid("may not be specified when `port` is not specified"));
        }
        _ => {}
    }
}

fn peer(peer: &Field<'_>, errors: &mut Errors) {
    let (pods, namespaces) = (peer.get("podSelector"), peer.get("namespaceSelector"));
    let block = peer.get("ipBlock");
    checks::label_selector(&pods, errors);
    checks::label_selector(&namespaces, errors);
    let selects = pods.is_set() || namespaces.is_set();
    if block.is_set() {
        ip_block(&block, errors);
    }
    if !selects && !block.is_set() {
        errors.push(peer.required("must specify a peer"));
    }
    if selects && block.is_set() {
        errors.push(peer.forbidden("may not specify both ipBlock and another peer"));
    }
}

fn ip_block(block: &Field<'_>, errors: &mut Errors) {
    let cidr = block.get("cidr");
    checks::required(&cidr, errors);
    let Some(whole) = range(&cidr, errors) else {
        return;
    };
    for except in block.get("except").items() {
        let inside = range(&except, errors);
        if inside.is_some_and(|inside| !whole.contains(&inside) || inside == whole) {
            let words = format!("must be a strict subset of `cidr`: {}", cidr.str());
            errors.push(except.invalid(words));
        }
    }
}

fn range(field: &Field<'_>, errors: &mut Errors) -> Option<IpNet> {
    let parsed = field.str().parse();
    if parsed.is_err() && !field.is_empty() {
        let words = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        errors.push(field.invalid(words));
    }
    parsed.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn policy(spec: Value) -> Value {
        json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
    }

    #[test]
    fn what_it_says_decides_what_it_means() {
        let to_dns = json!([{"ports": [{"port": 53}]}]);
        let cases = [
            (json!({"podSelector": {}}), json!(["Ingress"])),
            (json!({"podSelector": {}, "egress": []}), json!(["Ingress"])),
            (
                json!({"podSelector": {}, "egress": to_dns}),
                json!(["Ingress", "Egress"]),
            ),
            (
                json!({"podSelector": {}, "egress": to_dns, "policyTypes": ["Egress"]}),
                json!(["Egress"]),
            ),
        ];
        for (spec, types) in cases {
            let created = created(&NetworkPolicy, &policy(spec.clone()));
            assert_eq!(created["spec"]["policyTypes"], types, "{spec}");
            if let Some(port) = created.pointer("/spec/egress/0/ports/0") {
                assert_eq!(port["protocol"], "TCP");
            }
        }
    }

    #[test]
    fn policies_in_the_list() {
        let row = |selector: &str| {
            [
                ("Name", json!("a")),
                ("Pod-Selector", json!(selector)),
                ("Age", json!("5m")),
            ]
        };
        for (selector, shown) in [
            (json!({}), "<none>"),
            (
                json!({"matchLabels": {"app": "db", "tier": "back"}}),
                "app=db,tier=back",
            ),
        ] {
            let policy = policy(json!({"podSelector": selector}));
            assert_row(&NetworkPolicy, &policy, &row(shown));
        }
    }

    #[test]
    fn what_users_get_wrong() {
        let from = |peer: Value| json!({"podSelector": {}, "ingress": [{"from": [peer]}]});
        let port = |port: Value| json!({"podSelector": {}, "ingress": [{"ports": [port]}]});
        let cases: [(Value, &[&str]); 9] = [
            (
                from(json!({"podSelector": {}, "namespaceSelector": {}})),
                &[],
            ),
            (
                port(json!({"protocol": "UDP", "port": 1, "endPort": 9})),
                &[],
            ),
            (
                from(json!({})),
                &["spec.ingress[0].from[0]: Required value: must specify a peer"],
            ),
            (
                from(json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})),
                &[
                    "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
                ],
            ),
            (
                from(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}})),
                &[
                    "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/8\": \
                   must be a strict subset of `cidr`: 10.0.0.0/8",
                ],
            ),
            (
                from(json!({"ipBlock": {"cidr": "here"}})),
                &[
                    "spec.ingress[0].from[0].ipBlock.cidr: Invalid value: \"here\": \
                   must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
                ],
            ),
            (
                port(json!({"port": 9, "endPort": 1})),
                &[
                    "spec.ingress[0].ports[0].endPort: Invalid value: 1: must be greater than or equal to `port`",
                ],
            ),
            (
                port(json!({"port": "http", "endPort": 1})),
                &[
                    "spec.ingress[0].ports[0].endPort: Invalid value: 1: may not be specified when `port` is non-numeric",
                ],
            ),
            (
                json!({"podSelector": {}, "policyTypes": ["Both"]}),
                &[
                    "spec.policyTypes[0]: Unsupported value: \"Both\": supported values: \"Egress\", \"Ingress\"",
                ],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(
                create_errors(&NetworkPolicy, &policy(spec.clone())),
                expected,
                "{spec}"
            );
        }
    }
}
