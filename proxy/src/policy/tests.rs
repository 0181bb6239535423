use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};

use super::content::{Content, EGRESS, INGRESS};
use super::script::script;
use super::selected::Cluster;

fn cluster() -> Cluster {
    let pod = |namespace: &str, app: &str, address: &str, node: &str| {
        json!({
            "metadata": {"namespace": namespace, "name": app, "labels": {"app": app}},
            "spec": {"nodeName": node, "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"podIP": address},
        })
    };
    let mut ended = pod("default", "db", "10.244.0.9", "n1");
    ended["status"]["phase"] = "Succeeded".into();
    let pods = [
        pod("default", "db", "10.244.0.2", "n1"),
        pod("default", "web", "10.244.0.3", "n1"),
        pod("default", "db", "10.244.1.2", "n2"),
        pod("other", "web", "10.244.1.3", "n2"),
        ended,
    ];
    let pods: Vec<Pod> = pods
        .map(|pod| serde_json::from_value(pod).expect("a Pod"))
        .into();
    let namespaces = ["default", "other"].map(|name| {
        let namespace = json!({"metadata": {"name": name, "labels": {"name": name}}});
        serde_json::from_value::<Namespace>(namespace).expect("a Namespace")
    });
    Cluster::new(&pods, &namespaces)
}

fn policy(name: &str, spec: Value) -> NetworkPolicy {
    let object = json!({"metadata": {"namespace": "default", "name": name}, "spec": spec});
    serde_json::from_value(object).expect("a NetworkPolicy")
}

fn content(specs: &[Value]) -> Content {
    let policies: Vec<_> = specs.iter().map(|spec| policy("a", spec.clone())).collect();
    let policies: Vec<_> = policies.iter().collect();
    Content::build(&policies, &cluster(), "n1")
}

fn judged(content: &Content, map: &str) -> Vec<String> {
    let set = content.sets.get(map);
    set.into_iter()
        .flat_map(|set| set.elements.keys().cloned())
        .collect()
}

/// The rules of the only chain, each set replaced by its elements.
fn rules(spec: Value) -> Vec<String> {
    let content = content(&[spec]);
    let rules = content.chains.into_values().next().unwrap_or_default();
    let word = |word: &str| match word.strip_prefix('@') {
        Some(set) => {
            let elements: Vec<_> = content.sets[set].elements.keys().cloned().collect();
            format!("{{{}}}", elements.join(","))
        }
        None => word.to_owned(),
    };
    let line = |rule: &String| rule.split(' ').map(word).collect::<Vec<_>>().join(" ");
    rules.iter().map(line).collect()
}

#[test]
fn selected_pods_of_the_node_are_judged() {
    let all = ["10.244.0.2", "10.244.0.3"];
    let cases: [(Value, &[&str], &[&str]); 4] = [
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress"]}),
            &all,
            &[],
        ),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            &all,
            &all,
        ),
        (
            json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Egress"]}),
            &[],
            &["10.244.0.2"],
        ),
        (
            json!({"podSelector": {"matchLabels": {"app": "none"}}, "policyTypes": ["Egress"]}),
            &[],
            &[],
        ),
    ];
    for (spec, ingress, egress) in cases {
        let content = content(std::slice::from_ref(&spec));
        assert_eq!(judged(&content, INGRESS), ingress, "{spec}");
        assert_eq!(judged(&content, EGRESS), egress, "{spec}");
    }
}

#[test]
fn what_a_policy_allows() {
    let from = |peers: Value, ports: Value| json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": peers, "ports": ports}]});
    let cases: [(Value, &[&str]); 8] = [
        (json!({"podSelector": {}, "policyTypes": ["Ingress"]}), &[]),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}),
            &["return"],
        ),
        (
            from(
                json!([{"podSelector": {"matchLabels": {"app": "web"}}}]),
                json!([]),
            ),
            &["ip saddr {10.244.0.3} return"],
        ),
        (
            from(
                json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}]),
                json!([]),
            ),
            &["ip saddr {10.244.0.3,10.244.1.3} return"],
        ),
        (
            from(
                json!([{"namespaceSelector": {"matchLabels": {"name": "other"}}}]),
                json!([{"port": 80}, {"port": 90, "endPort": 99}]),
            ),
            &[
                "ip saddr {10.244.1.3} tcp dport 80 return",
                "ip saddr {10.244.1.3} tcp dport 90-99 return",
            ],
        ),
        (
            from(
                json!([{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "fd00::/8"}}]),
                json!([]),
            ),
            &["ip saddr 10.0.0.0/8 ip saddr != 10.1.0.0/16 return"],
        ),
        (
            from(json!([]), json!([{"port": "http"}, {"protocol": "UDP"}])),
            &[
                "ip daddr . tcp dport {10.244.0.2 . 8080,10.244.0.3 . 8080,10.244.1.2 . 8080,10.244.1.3 . 8080} return",
                "meta l4proto udp return",
            ],
        ),
        (
            json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}]}),
            &["ip daddr {10.244.0.2,10.244.1.2} return"],
        ),
    ];
    for (spec, expected) in cases {
        let mut found = rules(spec.clone());
        assert_eq!(found.pop().as_deref(), Some("drop"), "{spec}");
        assert_eq!(found, expected, "{spec}");
    }
}

#[test]
fn only_what_differs_is_loaded() {
    let deny = json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]});
    let (old, none) = (content(&[deny]), Content::default());
    assert_eq!(script(&old, &old), "");
    let gone = script(&old, &none);
    let lines: Vec<_> = gone
        .lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "delete element",
            "delete element",
            "flush chain",
            "delete chain"
        ]
    );
}
