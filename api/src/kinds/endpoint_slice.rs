//! EndpointSlices.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{items, text};
use super::common::checks::Seen;
use super::common::defaults::{default_to, each};
use super::common::{Field, cells, checks, describe, net};
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy, names};

const MAX_ENDPOINTS: usize = 1000;
const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;

pub(super) fn descriptor() -> Descriptor {
    describe::namespaced(
        describe::DISCOVERY,
        "EndpointSlice",
        "endpointslices",
        EndpointSlice,
    )
}

pub(super) struct EndpointSlice;

impl Strategy for EndpointSlice {
    fn default(&self, slice: &mut Value) {
        for port in each(slice, "ports") {
            if port["name"].is_null() && port.is_object() {
                port["name"] = json!("");
            }
            default_to(port, "protocol", "TCP");
        }
    }

    fn validate(&self, slice: &Value) -> Errors {
        let mut errors = Errors::new();
        let slice = Field::root(slice);
        let kind = slice.get("addressType");
        checks::one_of(&kind, &["FQDN", "IPv4", "IPv6"], &mut errors);
        endpoints(&slice.get("endpoints"), kind.str(), &mut errors);
        ports(&slice.get("ports"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|slice| Field::root(slice).get("addressType"));
        checks::immutable(&new, &old, &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("AddressType", "string"),
            Column::new("Ports", "string"),
            Column::new("Endpoints", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, slice: &Value, now: Timestamp) -> Vec<Value> {
        let ports = items(slice, "/ports")
            .iter()
            .map(|port| match port["port"].as_i64() {
                Some(number) => number.to_string(),
                None => "*".to_owned(),
            });
        let endpoints = items(slice, "/endpoints").iter();
        let addresses = endpoints.flat_map(|endpoint| items(endpoint, "/addresses"));
        let addresses = addresses.filter_map(Value::as_str).map(str::to_owned);
        let short = |all: Vec<String>| cells::first_three(&all, "<unset>");
        vec![
            cells::name(slice),
            text(slice, "/addressType").into(),
            short(ports.collect()).into(),
            short(addresses.collect()).into(),
            cells::age(slice, now),
        ]
    }
}

fn endpoints(endpoints: &Field<'_>, kind: &str, errors: &mut Errors) {
    if endpoints.len() > MAX_ENDPOINTS {
        errors.push(Error::too_many(
            endpoints.path(),
            endpoints.len(),
            MAX_ENDPOINTS,
        ));
        return;
    }
    for endpoint in endpoints.items() {
        let addresses = endpoint.get("addresses");
        if addresses.is_empty() {
            errors.push(addresses.required("must contain at least 1 address"));
        }
        if addresses.len() > MAX_ADDRESSES {
            errors.push(Error::too_many(
                addresses.path(),
                addresses.len(),
                MAX_ADDRESSES,
            ));
        }
        for one in addresses.items() {
            address(&one, kind, errors);
        }
        checks::name(&endpoint.get("hostname"), names::dns_label, errors);
        checks::name(&endpoint.get("nodeName"), names::dns_subdomain, errors);
    }
}

fn address(address: &Field<'_>, kind: &str, errors: &mut Errors) {
    match kind {
        "FQDN" => checks::required_name(address, names::dns_subdomain, errors),
        "IPv4" if address.str().parse::<std::net::Ipv4Addr>().is_err() => {
            errors.push(address.invalid("must be a valid IPv4 address"));
        }
        "IPv6" if address.str().parse::<std::net::Ipv6Addr>().is_err() => {
            errors.push(address.invalid("must be a valid IPv6 address"));
        }
        "IPv4" | "IPv6" => net::endpoint_ip(address, errors),
        _ => {}
    }
}

fn ports(ports: &Field<'_>, errors: &mut Errors) {
    if ports.len() > MAX_PORTS {
        errors.push(Error::too_many(ports.path(), ports.len(), MAX_PORTS));
        return;
    }
    let mut seen = Seen::new();
    for port in ports.items() {
        let name = port.get("name");
        checks::name(&name, names::dns_label, errors);
        seen.add(name.str(), &name, errors);
        net::protocol(&port.get("protocol"), errors);
        checks::in_range(&port.get("port"), net::PORTS, errors);
        checks::name(&port.get("appProtocol"), names::qualified_name, errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn slice() -> Value {
        json!({
            "metadata": {"name": "web-abc", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
            "ports": [{"port": 80}],
        })
    }

    #[test]
    fn a_slice_in_the_list() {
        let created = created(&EndpointSlice, &slice());
        assert_eq!(
            created["ports"],
            json!([{"name": "", "port": 80, "protocol": "TCP"}])
        );
        let row = [
            ("Name", json!("web-abc")),
            ("AddressType", json!("IPv4")),
            ("Ports", json!("80")),
            ("Endpoints", json!("10.0.0.1,10.0.0.2")),
            ("Age", json!("5m")),
        ];
        assert_row(&EndpointSlice, &created, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        assert_eq!(create_errors(&EndpointSlice, &slice()), [""; 0]);
        let mut wrong = slice();
        wrong["endpoints"] =
            json!([{}, {"addresses": ["2001:db8::1"]}, {"addresses": ["127.0.0.1"]}]);
        wrong["ports"] = json!([{"name": "a"}, {"name": "a", "protocol": "X"}]);
        let expected = [
            "endpoints[0].addresses: Required value: must contain at least 1 address",
            "endpoints[1].addresses[0]: Invalid value: \"2001:db8::1\": must be a valid IPv4 address",
            "endpoints[2].addresses[0]: Invalid value: \"127.0.0.1\": \
             may not be in the loopback range (127.0.0.0/8, ::1/128)",
            "ports[1].name: Duplicate value: \"a\"",
            "ports[1].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        ];
        assert_eq!(create_errors(&EndpointSlice, &wrong), expected);
    }

    #[test]
    fn the_address_type_stays() {
        let mut new = slice();
        new["addressType"] = "FQDN".into();
        new["endpoints"] = json!([]);
        assert_eq!(
            update_errors(&EndpointSlice, &slice(), &new),
            ["addressType: Invalid value: \"FQDN\": field is immutable"]
        );
    }
}
