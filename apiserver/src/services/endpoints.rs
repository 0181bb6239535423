//! Where a Service leads: pure, by its `Endpoints`.

use serde_json::Value;

use crate::address::{Address, port_number};

/// All ready addresses behind a port of a Service, by its `Endpoints`. The port is one of the Service, by number or name.
pub(crate) fn endpoints(service: &Value, object: &Value, port: &str) -> Vec<Address> {
    let name = port_name(service, port);
    let mut found = Vec::new();
    for subset in object["subsets"].as_array().into_iter().flatten() {
        let mut ports = subset["ports"].as_array().into_iter().flatten();
        let wanted = ports.find(|one| one["name"].as_str().unwrap_or_default() == name);
        let Some(port) = wanted.and_then(|one| port_number(&one["port"])) else {
            continue;
        };
        let addresses = subset["addresses"].as_array().into_iter().flatten();
        let hosts = addresses.filter_map(|address| address["ip"].as_str());
        found.extend(hosts.map(|host| Address {
            host: host.to_owned(),
            port,
        }));
    }
    found
}

/// The name of a Service's port that is given by its name or number.
fn port_name<'a>(service: &'a Value, port: &'a str) -> &'a str {
    let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let number: Option<u16> = port.parse().ok();
    let numbered = ports.find(|one| number.is_some() && port_number(&one["port"]) == number);
    match numbered {
        Some(one) => one["name"].as_str().unwrap_or_default(),
        None => port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_is_reached_at_its_endpoints() {
        let service = json!({"spec": {"ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]}});
        let object = json!({"subsets": [{
            "addresses": [{"ip": "10.0.0.7"}, {"ip": "10.0.0.8"}],
            "notReadyAddresses": [{"ip": "10.0.0.9"}],
            "ports": [{"name": "http", "port": 8080}, {"name": "admin", "port": 9000}],
        }]});
        let found = |port: &str| -> Vec<String> {
            endpoints(&service, &object, port)
                .iter()
                .map(|address| format!("{}:{}", address.host, address.port))
                .collect()
        };
        assert_eq!(found("80"), ["10.0.0.7:8080", "10.0.0.8:8080"]);
        assert_eq!(found("admin"), ["10.0.0.7:9000", "10.0.0.8:9000"]);
        assert!(found("").is_empty());
        assert!(found("99").is_empty());
    }
}
