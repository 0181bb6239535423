//! The row of `kubectl get services`.

use jiff::Timestamp;
use serde_json::Value;

use crate::Column;
use crate::kinds::common::cells::{self, items, or, or_none, text};

/// The bytes of a load balancer's addresses that are shown.
const BALANCER_WIDTH: usize = 16;

pub(super) fn columns() -> Vec<Column> {
    vec![
        cells::name_column(),
        Column::new("Type", "string"),
        Column::new("Cluster-IP", "string"),
        Column::new("External-IP", "string"),
        Column::new("Port(s)", "string"),
        cells::age_column(),
        Column::wide("Selector", "string"),
    ]
}

pub(super) fn cells(service: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        cells::name(service),
        text(service, "/spec/type").into(),
        or_none(text(service, "/spec/clusterIP")).into(),
        external_ip(service).into(),
        ports(service).into(),
        cells::age(service, now),
        cells::labels(&service["spec"]["selector"]).into(),
    ]
}

fn external_ip(service: &Value) -> String {
    let external = items(service, "/spec/externalIPs");
    let external = cells::joined(external, |address| address.as_str().unwrap_or_default());
    match text(service, "/spec/type") {
        "ClusterIP" | "NodePort" => or_none(&external).to_owned(),
        "LoadBalancer" => {
            let mut all = vec![balancer_addresses(service), external];
            all.retain(|addresses| !addresses.is_empty());
            or(&all.join(","), "<pending>").to_owned()
        }
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn balancer_addresses(service: &Value) -> String {
    let ingress = items(service, "/status/loadBalancer/ingress");
    let joined = cells::joined(ingress, |entry| {
        or(text(entry, "/ip"), text(entry, "/hostname"))
    });
    if joined.chars().count() <= BALANCER_WIDTH {
        return joined;
    }
    let shown: String = joined.chars().take(BALANCER_WIDTH - 3).collect();
    format!("{shown}...")
}

fn ports(service: &Value) -> String {
    let ports = items(service, "/spec/ports").iter().map(|port| {
        let (number, protocol) = (cells::number(port, "/port"), text(port, "/protocol"));
        match cells::number(port, "/nodePort") {
            0 => format!("{number}/{protocol}"),
            on_nodes => format!("{number}:{on_nodes}/{protocol}"),
        }
    });
    or_none(&ports.collect::<Vec<_>>().join(",")).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::assert_row;
    use crate::kinds::service::Service;

    #[test]
    fn a_node_port_service() {
        let service = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "selector": {"app": "web"},
                "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
            },
        });
        let row = [
            ("Name", json!("web")),
            ("Type", json!("NodePort")),
            ("Cluster-IP", json!("10.96.0.9")),
            ("External-IP", json!("<none>")),
            ("Port(s)", json!("80:30080/TCP,53/UDP")),
            ("Age", json!("5m")),
            ("Selector", json!("app=web")),
        ];
        assert_row(&Service, &service, &row);
    }

    #[test]
    fn external_addresses() {
        let ingress = |list: Value| json!({"loadBalancer": {"ingress": list}});
        for (service, shown) in [
            (json!({"spec": {"type": "LoadBalancer"}}), "<pending>"),
            (
                json!({"spec": {"type": "LoadBalancer"}, "status": ingress(json!([{"ip": "192.0.2.1"}]))}),
                "192.0.2.1",
            ),
            (
                json!({
                    "spec": {"type": "LoadBalancer"},
                    "status": ingress(json!([{"hostname": "balancer.example.com"}])),
                }),
                "balancer.exam...",
            ),
            (
                json!({
                    "spec": {"type": "LoadBalancer", "externalIPs": ["192.0.2.7"]},
                    "status": ingress(json!([{"ip": "192.0.2.1"}])),
                }),
                "192.0.2.1,192.0.2.7",
            ),
            (
                json!({"spec": {"type": "ClusterIP", "externalIPs": ["192.0.2.7", "192.0.2.8"]}}),
                "192.0.2.7,192.0.2.8",
            ),
            (
                json!({"spec": {"type": "ExternalName", "externalName": "example.com"}}),
                "example.com",
            ),
        ] {
            assert_eq!(external_ip(&service), shown, "{service}");
        }
    }
}
