use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::*;

fn service(spec: Value) -> Service {
    let object = json!({ "metadata": { "namespace": "default", "name": "web" }, "spec": spec });
    serde_json::from_value(object).expect("a Service")
}

fn slice(endpoints: Value) -> EndpointSlice {
    let object = json!({
        "metadata": {}, "addressType": "IPv4", "endpoints": endpoints,
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
    });
    serde_json::from_value(object).expect("an EndpointSlice")
}

fn ports(spec: Value, endpoints: Value) -> Vec<ServicePort> {
    service_ports(&service(spec), &[&slice(endpoints)], &here())
}

fn here() -> Place {
    Place {
        node: "n1".to_owned(),
        zone: Some("z1".to_owned()),
    }
}

fn shown(endpoints: &BTreeSet<SocketAddrV4>) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

#[test]
fn a_port_leads_to_the_endpoints_that_count() {
    let spec = json!({ "clusterIP": "10.96.0.5", "ports": [{ "name": "http", "port": 80 }] });
    let at = |address: &str, conditions: Value| json!({ "addresses": [address], "conditions": conditions, "nodeName": "n1" });
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let ended = json!({ "ready": false, "serving": false, "terminating": true });
    let (two, three) = ("10.244.0.2", "10.244.0.3");
    let ready = at(two, json!({ "ready": true }));
    let cases = [
        (
            vec![ready.clone(), at(three, json!({ "ready": false }))],
            vec!["10.244.0.2:8080"],
        ),
        (vec![at(two, json!({}))], vec!["10.244.0.2:8080"]),
        (
            vec![ready, at(three, ending.clone())],
            vec!["10.244.0.2:8080"],
        ),
        (vec![at(three, ending)], vec!["10.244.0.3:8080"]),
        (vec![at(three, ended)], vec![]),
    ];
    for (endpoints, expected) in cases {
        let ports = ports(spec.clone(), json!(endpoints));
        assert_eq!(shown(&ports[0].endpoints), expected, "{endpoints:?}");
    }
}

#[test]
fn endpoints_that_are_not_ready_drain() {
    let spec = json!({ "clusterIP": "10.96.0.5", "ports": [{ "name": "http", "port": 80 }] });
    let endpoints = json!([
        { "addresses": ["10.244.0.2"], "conditions": { "ready": true } },
        { "addresses": ["10.244.0.3"], "conditions": { "ready": false, "serving": true, "terminating": true } },
        { "addresses": ["10.244.0.4"], "conditions": { "ready": false } },
    ]);
    let ports = ports(spec, endpoints);
    assert_eq!(
        shown(&ports[0].draining),
        ["10.244.0.3:8080", "10.244.0.4:8080"]
    );
}

#[test]
fn each_policy_holds_for_its_own_clients() {
    let (here, both) = (
        vec!["10.244.0.2:8080"],
        vec!["10.244.0.2:8080", "10.244.1.2:8080"],
    );
    let cases = [
        ("Cluster", "Cluster", &both, &both, false),
        ("Local", "Cluster", &here, &both, false),
        ("Cluster", "Local", &both, &here, true),
    ];
    for (internal, external, inside, outside, keeps_source) in cases {
        let spec = json!({
            "clusterIP": "10.96.0.5", "internalTrafficPolicy": internal, "externalTrafficPolicy": external,
            "ports": [{ "name": "http", "port": 80, "nodePort": 30002 }],
        });
        let endpoints = json!([
            { "addresses": ["10.244.0.2"], "nodeName": "n1" },
            { "addresses": ["10.244.1.2"], "nodeName": "n2" },
        ]);
        let port = &ports(spec, endpoints)[0];
        let case = format!("{internal} {external}");
        assert_eq!(shown(&port.endpoints), *inside, "{case}");
        assert_eq!(shown(&port.external.endpoints), *outside, "{case}");
        assert_eq!(shown(&port.external.endpoints_for_insiders), both, "{case}");
        assert_eq!(port.external.keeps_source, keeps_source, "{case}");
    }
}

#[test]
fn traffic_stays_near_where_it_can() {
    let (first, second) = (vec!["10.244.0.2:8080"], vec!["10.244.1.2:8080"]);
    let both = [first.clone(), second.clone()].concat();
    let node = |name: &str| json!({ "forNodes": [{ "name": name }] });
    let zone = |name: &str| json!({ "forZones": [{ "name": name }] });
    let of_both = |node: &str, zone: &str| json!({ "forNodes": [{ "name": node }], "forZones": [{ "name": zone }] });
    let cases = [
        ((node("n1"), node("n2")), &first),
        ((node("n3"), node("n2")), &both),
        ((zone("z2"), zone("z1")), &second),
        ((zone("z2"), zone("z3")), &both),
        ((of_both("n1", "z1"), of_both("n2", "z1")), &first),
        ((of_both("n3", "z1"), of_both("n2", "z2")), &first),
        // One that says nothing is for everybody.
        ((zone("z1"), Value::Null), &both),
        ((json!({ "forZones": [] }), zone("z1")), &both),
        ((Value::Null, Value::Null), &both),
    ];
    let spec = json!({ "clusterIP": "10.96.0.5", "ports": [{ "name": "http", "port": 80 }] });
    for ((one, other), expected) in cases {
        let on = |address: &str, hints: &Value| json!({ "addresses": [address], "hints": hints });
        let endpoints = json!([on("10.244.0.2", &one), on("10.244.1.2", &other)]);
        let ports = ports(spec.clone(), endpoints);
        assert_eq!(shown(&ports[0].endpoints), *expected, "{one} {other}");
    }
}

#[test]
fn a_service_without_an_address_of_its_own_has_no_rules() {
    for spec in [
        json!({ "clusterIP": "None", "ports": [{ "name": "http", "port": 80 }] }),
        json!({ "type": "ExternalName", "externalName": "example.test" }),
    ] {
        assert_eq!(ports(spec, json!([{ "addresses": ["10.244.0.2"] }])), []);
    }
}

#[test]
fn ports_keep_what_the_service_says() {
    let spec = json!({
        "clusterIP": "10.96.0.5", "type": "LoadBalancer", "sessionAffinity": "ClientIP", "healthCheckNodePort": 30003,
        "externalIPs": ["192.0.2.7", "2001:db8::1"], "loadBalancerSourceRanges": ["198.51.100.0/24", " 203.0.113.0/24"],
        "ports": [{ "name": "http", "port": 80, "nodePort": 30002 }, { "name": "dns", "port": 53, "protocol": "UDP" }],
    });
    let mut service = service(spec);
    let status = json!({ "loadBalancer": { "ingress": [
        { "ip": "192.0.2.1" }, { "ip": "192.0.2.2", "ipMode": "Proxy" }, { "hostname": "lb.example.test" },
    ] } });
    service.status = serde_json::from_value(status).expect("a status");
    let ports = service_ports(&service, &[], &here());
    let facts: Vec<_> = ports
        .iter()
        .map(|port| {
            (
                port.name.as_str(),
                port.protocol,
                port.port,
                port.external.node_port,
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("default/web:http", Protocol::Tcp, 80, Some(30002)),
            ("default/web:dns", Protocol::Udp, 53, None),
        ]
    );
    for port in &ports {
        assert_eq!(port.affinity_seconds, Some(10_800));
        assert_eq!(port.external.ips, BTreeSet::from([[192, 0, 2, 7].into()]));
        assert_eq!(
            port.external.load_balancer,
            BTreeSet::from([[192, 0, 2, 1].into()])
        );
        assert_eq!(port.external.source_ranges.len(), 2);
        assert_eq!(port.external.health_check, Some(30003));
    }
}

#[test]
fn only_services_that_differ_are_changes() {
    let port = |at: &str| vec![testing::web(&[at])];
    let mut old = Model::default();
    assert!(old.put("a", port("10.244.0.1:80")));
    assert!(old.put("b", port("10.244.0.2:80")));
    assert!(old.put("c", port("10.244.0.3:80")));
    let mut new = old.clone();
    assert!(!new.put("a", port("10.244.0.1:80")), "equal");
    assert!(new.put("b", port("10.244.0.9:80")));
    assert!(new.put("c", Vec::new()));
    assert!(!new.put("d", Vec::new()), "never there");
    let (was, is, gone) = (
        port("10.244.0.2:80"),
        port("10.244.0.9:80"),
        port("10.244.0.3:80"),
    );
    assert_eq!(
        new.changes_since(&old),
        [
            Change {
                old: &was,
                new: &is
            },
            Change {
                old: &gone,
                new: &[]
            }
        ]
    );
    assert_eq!(new.changes_since(&new), []);
}
