//! Where a node's kubelet listens.

use serde_json::Value;

use crate::address::{Address, port_number};

const DEFAULT_PORT: u16 = 10250;

/// The address that a node reports: its internal one, else its host name.
pub(crate) fn address_of(node: &Value) -> Option<Address> {
    let addresses = node["status"]["addresses"].as_array()?;
    let of_type = |wanted: &str| {
        let mut found = addresses.iter().filter(|address| address["type"] == wanted);
        found.find_map(|address| address["address"].as_str())
    };
    let host = of_type("InternalIP").or_else(|| of_type("Hostname"))?;
    let port = port_number(&node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]);
    Some(Address {
        host: host.to_owned(),
        port: port.unwrap_or(DEFAULT_PORT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_says_where_its_kubelet_is() {
        let node = json!({"status": {
            "addresses": [
                {"type": "Hostname", "address": "n1"},
                {"type": "InternalIP", "address": "10.0.0.5"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10999}},
        }});
        let address = address_of(&node).unwrap();
        assert_eq!((address.host.as_str(), address.port), ("10.0.0.5", 10999));
        let named = json!({"status": {"addresses": [{"type": "Hostname", "address": "n1"}]}});
        let address = address_of(&named).unwrap();
        assert_eq!((address.host.as_str(), address.port), ("n1", DEFAULT_PORT));
        assert_eq!(address_of(&json!({})), None);
    }
}
