//! What an object uses.

use serde_json::Value;

use super::{Amounts, pods};
use crate::Quantity;

/// What an object of this resource (`pods`, or `deployments` of the group `apps`) uses.
pub fn usage(group: &str, plural: &str, object: &Value) -> Amounts {
    let mut used = match (group, plural) {
        ("", "pods") => pods::usage(object),
        ("", "services") => of_service(object),
        ("", "persistentvolumeclaims") => of_claim(object),
        ("", "configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas") => {
            Amounts::from([(plural.to_owned(), Quantity::from_value(1))])
        }
        _ => Amounts::new(),
    };
    let counted = match group {
        "" => format!("count/{plural}"),
        group => format!("count/{plural}.{group}"),
    };
    used.insert(counted, Quantity::from_value(1));
    used
}

fn of_service(service: &Value) -> Amounts {
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let with_node_port = ports
        .iter()
        .filter(|port| port["nodePort"].as_i64() > Some(0));
    let (node_ports, balancers) = match spec["type"].as_str() {
        Some("NodePort") => (ports.len(), 0),
        Some("LoadBalancer") if spec["allocateLoadBalancerNodePorts"] == false => {
            (with_node_port.count(), 1)
        }
        Some("LoadBalancer") => (ports.len(), 1),
        _ => (0, 0),
    };
    let count = |count: usize| Quantity::from_value(i64::try_from(count).unwrap_or(i64::MAX));
    Amounts::from([
        ("services".to_owned(), count(1)),
        ("services.nodeports".to_owned(), count(node_ports)),
        ("services.loadbalancers".to_owned(), count(balancers)),
    ])
}

fn of_claim(claim: &Value) -> Amounts {
    let spec = &claim["spec"];
    let one = Quantity::from_value(1);
    let asked = Quantity::from_json(&spec["resources"]["requests"]["storage"]);
    let given = Quantity::from_json(&claim["status"]["allocatedResources"]["storage"]);
    let storage = asked.unwrap_or(Quantity::ZERO);
    let storage = storage.max(given.unwrap_or(Quantity::ZERO));
    let mut used = Amounts::from([
        ("persistentvolumeclaims".to_owned(), one),
        ("requests.storage".to_owned(), storage),
    ]);
    if let Some(class) = spec["storageClassName"]
        .as_str()
        .filter(|class| !class.is_empty())
    {
        let of_class = |what: &str| format!("{class}.storageclass.storage.k8s.io/{what}");
        used.insert(of_class("persistentvolumeclaims"), one);
        used.insert(of_class("requests.storage"), storage);
    }
    used
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::quota::shown;

    #[test]
    fn what_objects_use() {
        let pod = json!({"spec": {"containers": [{"resources": {
            "requests": {"cpu": "1", "nvidia.com/gpu": "2"}, "limits": {"cpu": "2"},
        }}]}, "status": {"phase": "Running"}});
        let mut ended = pod.clone();
        ended["status"]["phase"] = json!("Succeeded");
        let claim = json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}});
        let cases = [
            (
                ("", "pods"),
                pod,
                "count/pods=1,cpu=1,limits.cpu=2,pods=1,requests.cpu=1,requests.nvidia.com/gpu=2",
            ),
            (("", "pods"), ended, "count/pods=1"),
            (
                ("", "services"),
                json!({"spec": {"type": "NodePort", "ports": [{}, {}]}}),
                "count/services=1,services=1,services.loadbalancers=0,services.nodeports=2",
            ),
            (
                ("", "persistentvolumeclaims"),
                claim,
                "count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,\
                 gold.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi",
            ),
            (
                ("apps", "deployments"),
                json!({}),
                "count/deployments.apps=1",
            ),
            (("", "secrets"), json!({}), "count/secrets=1,secrets=1"),
        ];
        for ((group, plural), object, expected) in cases {
            assert_eq!(shown(&usage(group, plural, &object)), expected);
        }
    }
}
