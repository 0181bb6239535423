//! IPAddresses: who holds an address of the Services.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::{self, text};
use super::common::{Field, checks, describe};
use crate::field::{Errors, Path};
use crate::{Column, Descriptor, Strategy, metadata};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("ip"),
        ..describe::cluster(describe::NETWORKING, "IPAddress", "ipaddresses", IpAddress)
    }
}

pub(super) struct IpAddress;

impl Strategy for IpAddress {
    fn validate(&self, address: &Value) -> Errors {
        let mut errors = Errors::new();
        let parent = Field::root(address).get("spec").get("parentRef");
        if !parent.is_set() {
            errors.push(parent.required(""));
            return errors;
        }
        checks::required(&parent.get("resource"), &mut errors);
        checks::required(&parent.get("name"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|address| Field::root(address).get("spec"));
        checks::immutable(&new.get("parentRef"), &old.get("parentRef"), &mut errors);
        errors
    }

    fn selectable_field(&self, address: &Value, field: &str) -> Option<String> {
        let of_parent = field.strip_prefix("spec.parentRef.")?;
        let known = ["group", "resource", "namespace", "name"].contains(&of_parent);
        known.then(|| text(address, &format!("/spec/parentRef/{of_parent}")).to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        vec![cells::name_column(), Column::new("ParentRef", "string")]
    }

    fn cells(&self, address: &Value, _: Timestamp) -> Vec<Value> {
        vec![
            cells::name(address),
            parent(&address["spec"]["parentRef"]).into(),
        ]
    }

    /// The name is the address, in the one form that every address has (RFC 5952).
    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        let words = match name.parse::<IpAddr>() {
            Err(_) => "must be a valid IP address".to_owned(),
            Ok(address) if address.to_string() != name => {
                format!("must be in canonical form ({:?})", address.to_string())
            }
            Ok(_) => return Errors::new(),
        };
        metadata::invalid(path, name, vec![words])
    }
}

/// `services/default/kubernetes`.
fn parent(parent: &Value) -> String {
    if parent.is_null() {
        return cells::NONE.to_owned();
    }
    let parts = ["/namespace", "/name"].map(|part| text(parent, part));
    let group = match text(parent, "/group") {
        "" => String::new(),
        group => format!(".{group}"),
    };
    let mut shown = format!("{}{group}", text(parent, "/resource"));
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        shown = format!("{shown}/{part}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, words};

    #[test]
    fn an_address_in_the_list() {
        let address = json!({
            "metadata": {"name": "10.96.0.1"},
            "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}},
        });
        let row = [
            ("Name", json!("10.96.0.1")),
            ("ParentRef", json!("services/default/kubernetes")),
        ];
        assert_row(&IpAddress, &address, &row);
        assert_eq!(
            create_errors(&IpAddress, &json!({"spec": {}})),
            ["spec.parentRef: Required value"]
        );
    }

    #[test]
    fn its_name_is_an_address() {
        let path = Path::root("metadata").child("name");
        let wrong = |name: &str| words(&IpAddress.validate_name(name, &path));
        assert_eq!(wrong("10.96.0.1"), [""; 0]);
        assert_eq!(wrong("2001:db8::1"), [""; 0]);
        assert_eq!(
            wrong("2001:DB8::1"),
            [
                "metadata.name: Invalid value: \"2001:DB8::1\": must be in canonical form (\"2001:db8::1\")"
            ]
        );
        assert_eq!(
            wrong("web"),
            ["metadata.name: Invalid value: \"web\": must be a valid IP address"]
        );
    }
}
