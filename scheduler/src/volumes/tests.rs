use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::*;

/// The claim `default/data` of 1Gi of the class `c`, with `more` fields.
pub(crate) fn claim(more: Value) -> Claim {
    let mut object = json!({
        "metadata": { "name": "data", "namespace": "default", "uid": "u" },
        "spec": { "accessModes": ["ReadWriteOnce"], "storageClassName": "c",
            "resources": { "requests": { "storage": "1Gi" } } },
    });
    for part in ["metadata", "spec", "status"] {
        for (field, value) in more[part].as_object().into_iter().flatten() {
            object[part][field] = value.clone();
        }
    }
    let class = json!({ "metadata": { "name": "c" }, "provisioner": "example.com/disk",
        "volumeBindingMode": "WaitForFirstConsumer" });
    Claim {
        name: "data".to_owned(),
        is_ephemeral: false,
        claim: Some(Arc::new(serde_json::from_value(object).expect("a claim"))),
        class: Some(Arc::new(serde_json::from_value(class).expect("a class"))),
        volume: None,
    }
}

fn on(node: &str) -> Arc<PersistentVolume> {
    let term =
        json!({ "matchExpressions": [{ "key": "host", "operator": "In", "values": [node] }] });
    let object = json!({
        "metadata": { "name": format!("on-{node}") },
        "spec": { "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "storageClassName": "c",
            "nodeAffinity": { "required": { "nodeSelectorTerms": [term] } } },
        "status": { "phase": "Available" },
    });
    Arc::new(serde_json::from_value(object).expect("a volume"))
}

fn node(name: &str) -> Node {
    let object = json!({ "metadata": { "name": name, "labels": { "host": name } } });
    serde_json::from_value(object).expect("a Node")
}

fn decided(
    claim: Claim,
    volumes: Vec<Arc<PersistentVolume>>,
) -> Result<(usize, usize), Vec<String>> {
    let all = PodVolumes {
        claims: vec![claim],
        volumes,
    };
    let decision = all.decide(&node("a"))?;
    Ok((decision.bind.len(), decision.provision.len()))
}

const BOUND: &str = "pv.kubernetes.io/bind-completed";

#[test]
fn a_bound_claim_draws_the_pod_to_its_volume() {
    let bound = |node: Option<&str>| Claim {
        volume: node.map(on),
        ..claim(
            json!({ "metadata": { "annotations": { BOUND: "yes" } }, "spec": { "volumeName": "v" } }),
        )
    };
    assert_eq!(decided(bound(Some("a")), vec![]), Ok((0, 0)));
    let words = "node(s) didn't match PersistentVolume's node affinity";
    assert_eq!(
        decided(bound(Some("b")), vec![]),
        Err(vec![words.to_owned()])
    );
    let words = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
    assert_eq!(decided(bound(None), vec![]), Err(vec![words.to_owned()]));
}

#[test]
fn an_unbound_claim_takes_a_volume_of_the_node_or_gets_one_made() {
    let words = vec!["node(s) didn't find available persistent volumes to bind".to_owned()];
    assert_eq!(
        decided(claim(json!({})), vec![on("a"), on("b")]),
        Ok((1, 0))
    );
    assert_eq!(decided(claim(json!({})), vec![on("b")]), Ok((0, 1)));
    let selected =
        |node: &str| claim(json!({ "metadata": { "annotations": { SELECTED_NODE: node } } }));
    assert_eq!(decided(selected("a"), vec![on("a")]), Ok((0, 1)));
    assert_eq!(decided(selected("b"), vec![on("a")]), Err(words.clone()));
    let mut by_hand = claim(json!({}));
    let class =
        json!({ "metadata": { "name": "c" }, "provisioner": "kubernetes.io/no-provisioner" });
    by_hand.class = Some(Arc::new(serde_json::from_value(class).expect("a class")));
    assert_eq!(decided(by_hand, vec![on("b")]), Err(words));
}

#[test]
fn a_claim_that_is_to_be_met_elsewhere_has_left_its_node() {
    let selected =
        |node: &str| claim(json!({ "metadata": { "annotations": { SELECTED_NODE: node } } }));
    let mut promised = (*on("a")).clone();
    let reference = json!({ "name": "data", "namespace": "default", "uid": "u" });
    promised.spec.get_or_insert_default().claim_ref =
        Some(serde_json::from_value(reference).expect("a reference"));
    let cases = [
        (selected("a"), vec![], false),
        (selected("b"), vec![], true),
        (claim(json!({})), vec![Arc::new(promised)], false),
        (claim(json!({})), vec![on("a")], true),
    ];
    for (claim, volumes, expected) in cases {
        let claims = vec![claim];
        let all = PodVolumes { claims, volumes };
        assert_eq!(all.have_left("a"), expected, "{all:?}");
    }
}

#[test]
fn two_claims_do_not_take_one_volume() {
    let mut other = claim(json!({ "metadata": { "name": "other", "uid": "o" } }));
    other.name = "other".to_owned();
    let all = PodVolumes {
        claims: vec![claim(json!({})), other],
        volumes: vec![on("a")],
    };
    let decision = all.decide(&node("a")).expect("both");
    assert_eq!((decision.bind.len(), decision.provision.len()), (1, 1));
}

#[test]
fn a_claim_may_be_no_good_anywhere() {
    let missing = Claim {
        claim: None,
        ..claim(json!({}))
    };
    let mut immediate = claim(json!({}));
    immediate.class = None;
    let deleted = claim(json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }));
    let cases = [
        (claim(json!({})), None),
        (missing, Some("persistentvolumeclaim \"data\" not found")),
        (
            deleted,
            Some("persistentvolumeclaim \"data\" is being deleted"),
        ),
        (
            immediate,
            Some("pod has unbound immediate PersistentVolumeClaims"),
        ),
    ];
    for (claim, expected) in cases {
        let all = PodVolumes {
            claims: vec![claim],
            volumes: vec![],
        };
        assert_eq!(all.problem().as_deref(), expected);
    }
}
