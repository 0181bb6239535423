//! DaemonSets, nodes and Pods in, plans out.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::plan::plan;
use super::pod;
use super::seen::{Seen, places};
use super::status::status;

fn set(strategy: Value, spec: Value) -> DaemonSet {
    let mut pod = json!({"containers": []});
    for (key, value) in spec.as_object().unwrap() {
        pod[key] = value.clone();
    }
    serde_json::from_value(json!({
        "metadata": {"name": "agent", "namespace": "default", "uid": "s"},
        "spec": {"selector": {}, "updateStrategy": strategy, "template": {"spec": pod}},
    }))
    .unwrap()
}

/// `name`, with labels and taints as `key=value` and `key:effect` after it.
fn node(text: &str) -> Arc<Node> {
    let mut words = text.split(' ');
    let mut node =
        json!({"metadata": {"name": words.next(), "labels": {}}, "spec": {"taints": []}});
    for word in words {
        match (word.split_once('='), word.split_once(':')) {
            (Some((key, value)), _) => node["metadata"]["labels"][key] = value.into(),
            (_, Some((key, effect))) => {
                node["spec"]["taints"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"key": key, "effect": effect}));
            }
            _ => panic!("{word}"),
        }
    }
    Arc::new(serde_json::from_value(node).unwrap())
}

/// `name@node revision state`, where the state is ready, starting, failed or deleting.
fn daemon(text: &str) -> Arc<Pod> {
    let [place, revision, state] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    let (name, node) = place.split_once('@').unwrap();
    let ready = if matches!(state, "ready" | "deleting") {
        "True"
    } else {
        "False"
    };
    let pod = json!({
        "metadata": {"name": name, "namespace": "default", "labels": {"controller-revision-hash": revision},
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": (state == "deleting").then_some("2026-01-01T00:00:00Z")},
        "spec": {"containers": [], "nodeName": node},
        "status": {"phase": if state == "failed" { "Failed" } else { "Running" },
            "conditions": [{"type": "Ready", "status": ready}]},
    });
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn planned(set: &DaemonSet, nodes: &[&str], pods: &[&str]) -> String {
    let nodes: Vec<_> = nodes.iter().map(|text| node(text)).collect();
    let pods: Vec<_> = pods.iter().map(|text| daemon(text)).collect();
    let places = places(set, "new", &pods, &nodes);
    let plan = plan(
        &Seen::new(set, &pods, "new", &places, Timestamp::UNIX_EPOCH),
        &places,
    );
    let mut words: Vec<String> = plan
        .create
        .iter()
        .map(|node| format!("create {node}"))
        .collect();
    words.extend(
        plan.delete
            .iter()
            .map(|pod| format!("delete {}", pod.name_any())),
    );
    words.join(", ")
}

#[test]
fn every_node_that_fits_has_one_pod() {
    let rolling = json!({"type": "RollingUpdate"});
    let cases: [(Value, &[&str], &[&str], &str); 9] = [
        (json!({}), &["b", "a"], &[], "create a, create b"),
        (json!({}), &["a", "b"], &["x@a new ready"], "create b"),
        (
            json!({}),
            &["a"],
            &["x@a new ready", "y@a new ready"],
            "delete y",
        ),
        (json!({}), &["a"], &["x@a new failed"], "delete x"),
        (json!({}), &["a"], &["x@a new deleting"], ""),
        (
            json!({"nodeSelector": {"disk": "ssd"}}),
            &["a", "b disk=ssd"],
            &["x@a new ready"],
            "create b, delete x",
        ),
        (
            json!({}),
            &["a node.kubernetes.io/unschedulable:NoSchedule"],
            &[],
            "create a",
        ),
        (
            json!({}),
            &["a mine:NoSchedule", "b mine:NoSchedule"],
            &["x@a new ready"],
            "",
        ),
        (
            json!({}),
            &["a mine:NoExecute"],
            &["x@a new ready"],
            "delete x",
        ),
    ];
    for (spec, nodes, pods, expected) in cases {
        assert_eq!(
            planned(&set(rolling.clone(), spec.clone()), nodes, pods),
            expected,
            "{spec} {nodes:?} {pods:?}"
        );
    }
}

#[test]
fn updates_keep_to_their_strategy() {
    let nodes = ["a", "b", "c"];
    let old = ["x@a old ready", "y@b old ready", "z@c old ready"];
    let rolling = |rolling: Value| json!({"type": "RollingUpdate", "rollingUpdate": rolling});
    let surge = rolling(json!({"maxUnavailable": 0, "maxSurge": "50%"}));
    let cases: [(Value, &[&str], &str); 8] = [
        (json!({"type": "OnDelete"}), &old, ""),
        (rolling(json!({"maxUnavailable": 1})), &old, "delete x"),
        (
            rolling(json!({"maxUnavailable": "50%"})),
            &old,
            "delete x, delete y",
        ),
        (
            rolling(json!({"maxUnavailable": 1})),
            &["x@a new starting", "y@b old ready", "z@c old ready"],
            "",
        ),
        // A Pod that serves nobody can go at once.
        (
            rolling(json!({"maxUnavailable": 1})),
            &["x@a new starting", "y@b old starting", "z@c old ready"],
            "delete y",
        ),
        (surge.clone(), &old, "create a, create b"),
        (
            surge.clone(),
            &[
                "x@a old ready",
                "n@a new starting",
                "y@b old ready",
                "z@c old ready",
            ],
            "create b",
        ),
        (
            surge,
            &[
                "x@a old ready",
                "n@a new ready",
                "y@b new ready",
                "z@c new ready",
            ],
            "delete x",
        ),
    ];
    for (strategy, pods, expected) in cases {
        assert_eq!(
            planned(&set(strategy.clone(), json!({})), &nodes, pods),
            expected,
            "{strategy} {pods:?}"
        );
    }
}

#[test]
fn a_pod_is_for_one_node_and_bears_much() {
    let set = set(json!({}), json!({"hostNetwork": true}));
    let pod = pod::pod(&set, "new", "a");
    assert_eq!(pod::target_of(&pod), Some("a"));
    let spec = json!(pod.spec);
    assert_eq!(
        spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"],
        json!({"nodeSelectorTerms": [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}]})
    );
    assert_eq!(spec["tolerations"].as_array().unwrap().len(), 7);
}

#[test]
fn pods_are_counted() {
    let set = set(json!({}), json!({"nodeSelector": {"disk": "ssd"}}));
    let nodes = ["a disk=ssd", "b disk=ssd", "c disk=ssd", "d"].map(node);
    let pods = ["x@a new ready", "y@b old starting", "z@d new ready"].map(daemon);
    let places = places(&set, "new", &pods, &nodes);
    let seen = Seen::new(&set, &pods, "new", &places, Timestamp::UNIX_EPOCH);
    assert_eq!(
        json!(status(&seen, &places, None).0),
        json!({"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberMisscheduled": 1, "numberReady": 1,
            "updatedNumberScheduled": 1, "numberAvailable": 1, "numberUnavailable": 2})
    );
}
