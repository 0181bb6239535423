//! Endpoints, the older form of EndpointSlices.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::{items, text};
use super::common::defaults::{default_to, each};
use super::common::{Field, cells, checks, describe, net};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("ep"),
        ..describe::namespaced(describe::CORE, "Endpoints", "endpoints", Endpoints)
    }
}

pub(super) struct Endpoints;

impl Strategy for Endpoints {
    fn default(&self, endpoints: &mut Value) {
        for subset in each(endpoints, "subsets") {
            for port in each(subset, "ports") {
                default_to(port, "protocol", "TCP");
            }
        }
    }

    fn validate(&self, endpoints: &Value) -> Errors {
        let mut errors = Errors::new();
        for subset in Field::root(endpoints).get("subsets").items() {
            validate_subset(&subset, &mut errors);
        }
        errors
    }

    fn deprecation(&self) -> Option<&str> {
        Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Endpoints", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, endpoints: &Value, now: Timestamp) -> Vec<Value> {
        let all: Vec<String> = items(endpoints, "/subsets")
            .iter()
            .flat_map(addresses)
            .collect();
        vec![
            cells::name(endpoints),
            cells::first_three(&all, cells::NONE).into(),
            cells::age(endpoints, now),
        ]
    }
}

fn validate_subset(subset: &Field<'_>, errors: &mut Errors) {
    let lists = ["addresses", "notReadyAddresses"].map(|list| subset.get(list));
    if lists.iter().all(Field::is_empty) {
        errors.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
    }
    for address in lists.iter().flat_map(Field::items) {
        checks::required(&address.get("ip"), errors);
        net::endpoint_ip(&address.get("ip"), errors);
        checks::name(&address.get("hostname"), names::dns_label, errors);
        checks::name(&address.get("nodeName"), names::dns_subdomain, errors);
    }
    let ports = subset.get("ports");
    let several = ports.len() > 1;
    for port in ports.items() {
        let name = port.get("name");
        if several {
            checks::required(&name, errors);
        }
        checks::name(&name, names::dns_label, errors);
        net::port_number(&port.get("port"), errors);
        net::protocol(&port.get("protocol"), errors);
        checks::name(&port.get("appProtocol"), names::qualified_name, errors);
    }
}

/// `10.0.0.1:80` for each ready address and port; the address alone, if there are no ports.
fn addresses(subset: &Value) -> Vec<String> {
    let addresses = items(subset, "/addresses")
        .iter()
        .map(|address| text(address, "/ip"));
    let ports = items(subset, "/ports");
    if ports.is_empty() {
        return addresses.map(str::to_owned).collect();
    }
    let with_port = |port: &Value| {
        let port = cells::number(port, "/port");
        let addresses = addresses.clone();
        addresses.map(move |ip| match ip.contains(':') {
            true => format!("[{ip}]:{port}"),
            false => format!("{ip}:{port}"),
        })
    };
    ports.iter().flat_map(with_port).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    #[test]
    fn endpoints_in_the_list() {
        let mut object = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "subsets": [{
                "addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}, {"ip": "2001:db8::1"}],
                "notReadyAddresses": [{"ip": "10.0.0.3"}],
                "ports": [{"port": 80}],
            }],
        });
        let row = |endpoints: &str| {
            [
                ("Name", json!("web")),
                ("Endpoints", json!(endpoints)),
                ("Age", json!("5m")),
            ]
        };
        assert_row(
            &Endpoints,
            &object,
            &row("10.0.0.1:80,10.0.0.2:80,[2001:db8::1]:80"),
        );
        object["subsets"][0]["ports"] = json!([{"port": 80}, {"port": 81}]);
        assert_row(
            &Endpoints,
            &object,
            &row("10.0.0.1:80,10.0.0.2:80,[2001:db8::1]:80 + 3 more..."),
        );
        object["subsets"] = json!([]);
        assert_row(&Endpoints, &object, &row("<none>"));
    }

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 4] = [
            (
                json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]),
                &[],
            ),
            (
                json!([{"ports": [{"port": 80}]}]),
                &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
            ),
            (
                json!([{"addresses": [{"ip": "127.0.0.1"}]}]),
                &["subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": \
                   may not be in the loopback range (127.0.0.0/8, ::1/128)"],
            ),
            (
                json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80, "name": "a"}, {"port": 81}]}]),
                &["subsets[0].ports[1].name: Required value"],
            ),
        ];
        for (subsets, expected) in cases {
            assert_eq!(
                create_errors(&Endpoints, &json!({"subsets": subsets})),
                expected,
                "{subsets}"
            );
        }
    }
}
