//! The claims of a Pod, and where they can be met
//! (<https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode>).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Node, PersistentVolume, PersistentVolumeClaim, Pod, TopologySelectorTerm,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use skiff_api::volume_is_reachable;
use skiff_api::volumes::{
    SELECTED_NODE, annotation, best_match, claim_names, claim_ref, class_of_claim, is_fully_bound,
    refers_to, waits_for_consumer,
};
use skiff_client::{Informer, Informers, ObjectKey};

/// The caches of what claims are about.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) volumes: Informer<PersistentVolume>,
    pub(crate) classes: Informer<StorageClass>,
}

/// The claims that a Pod uses; most use none.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodVolumes {
    pub(crate) claims: Vec<Claim>,
    /// All volumes, if a claim is not bound yet.
    pub(crate) volumes: Vec<Arc<PersistentVolume>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) name: String,
    /// Whether it is made together with the Pod.
    pub(crate) is_ephemeral: bool,
    pub(crate) claim: Option<Arc<PersistentVolumeClaim>>,
    pub(crate) class: Option<Arc<StorageClass>>,
    /// The volume that it is bound to.
    pub(crate) volume: Option<Arc<PersistentVolume>>,
}

/// What is to be done so that the claims of a Pod are met on a Node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Decision {
    /// Claims, and the volumes that are there for them.
    pub(crate) bind: Vec<(Arc<PersistentVolumeClaim>, Arc<PersistentVolume>)>,
    /// Claims for which a volume is made on that Node.
    pub(crate) provision: Vec<Arc<PersistentVolumeClaim>>,
}

impl Storage {
    pub(crate) fn new(informers: &Informers) -> Self {
        Self {
            claims: informers.all(),
            volumes: informers.all(),
            classes: informers.all(),
        }
    }

    pub(crate) async fn ready(&self) {
        self.claims.ready().await;
        self.volumes.ready().await;
        self.classes.ready().await;
    }

    /// The claims of that Pod.
    pub(crate) fn of(&self, pod: &Pod) -> PodVolumes {
        let namespace = pod.namespace().unwrap_or_default();
        let claims: Vec<Claim> = claim_names(pod)
            .map(|(volume, name)| self.claim(pod, &namespace, volume, name))
            .collect();
        let unbound = |one: &Claim| one.claim.as_deref().is_some_and(|of| !is_fully_bound(of));
        let volumes = match claims.iter().any(unbound) {
            true => self.volumes.list(),
            false => Vec::new(),
        };
        PodVolumes { claims, volumes }
    }

    fn claim(&self, pod: &Pod, namespace: &str, of: &str, name: String) -> Claim {
        let claim = self.claims.get(&ObjectKey::new(namespace, &name));
        let spec = claim.as_deref().and_then(|claim| claim.spec.as_ref());
        let volume = spec.and_then(|spec| spec.volume_name.as_deref());
        let volumes = pod
            .spec
            .iter()
            .flat_map(|spec| spec.volumes.iter().flatten());
        Claim {
            is_ephemeral: volumes
                .into_iter()
                .any(|one| one.name == of && one.ephemeral.is_some()),
            volume: volume.and_then(|name| self.volumes.get(&ObjectKey::cluster(name))),
            class: claim
                .as_deref()
                .and_then(|claim| self.classes.get(&ObjectKey::cluster(class_of_claim(claim)))),
            claim,
            name,
        }
    }
}

impl PodVolumes {
    /// What is wrong with the claims wherever the Pod goes, in the words of `FailedScheduling`.
    pub(crate) fn problem(&self) -> Option<String> {
        self.claims.iter().find_map(Claim::problem)
    }

    /// Whether every claim has its volume.
    pub(crate) fn are_bound(&self) -> bool {
        let mut claims = self.claims.iter();
        claims.all(|one| one.claim.as_deref().is_some_and(is_fully_bound))
    }

    /// Whether a claim that a volume is to be made for is to be met elsewhere, or nowhere any more.
    pub(crate) fn have_left(&self, node: &str) -> bool {
        let mut claims = self.claims.iter();
        claims.any(|one| match one.claim.as_deref() {
            None => true,
            Some(claim) if is_fully_bound(claim) => false,
            Some(claim) => match selected_node(claim) {
                Some(selected) => selected != node,
                None => !self.is_promised(claim),
            },
        })
    }

    /// Whether a volume refers to the claim already.
    fn is_promised(&self, claim: &PersistentVolumeClaim) -> bool {
        let mut references = self.volumes.iter().filter_map(|volume| claim_ref(volume));
        references.any(|reference| refers_to(reference, claim))
    }

    /// How the claims are met on that Node, or why they are not, in the words of `FailedScheduling`.
    pub(crate) fn decide(&self, node: &Node) -> Result<Decision, Vec<String>> {
        let mut reasons = Vec::new();
        let mut decision = Decision::default();
        for one in &self.claims {
            if let Err(reason) = self.decide_one(one, node, &mut decision) {
                reasons.push(reason.to_owned());
            }
        }
        reasons.sort();
        reasons.dedup();
        match reasons.is_empty() {
            true => Ok(decision),
            false => Err(reasons),
        }
    }

    fn decide_one(
        &self,
        one: &Claim,
        node: &Node,
        decision: &mut Decision,
    ) -> Result<(), &'static str> {
        const NO_VOLUME: &str = "node(s) didn't find available persistent volumes to bind";
        let reaches = |volume: &PersistentVolume| {
            let spec = volume.spec.as_ref();
            volume_is_reachable(spec.and_then(|spec| spec.node_affinity.as_ref()), node)
        };
        let Some(claim) = &one.claim else {
            return Err(NO_VOLUME);
        };
        if is_fully_bound(claim) {
            return match &one.volume {
                None => {
                    Err("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")
                }
                Some(volume) if reaches(volume) => Ok(()),
                Some(_) => Err("node(s) didn't match PersistentVolume's node affinity"),
            };
        }
        let name = node.metadata.name.as_deref();
        match selected_node(claim) {
            Some(selected) if Some(selected) == name => {
                decision.provision.push(claim.clone());
                return Ok(());
            }
            Some(_) => return Err(NO_VOLUME),
            None => {}
        }
        let is_free = |volume: &PersistentVolume| {
            let mut taken = decision.bind.iter();
            reaches(volume) && !taken.any(|(_, other)| other.metadata.name == volume.metadata.name)
        };
        if let Some(volume) = best_match(claim, &self.volumes, is_free).filter(|one| reaches(one)) {
            decision.bind.push((claim.clone(), volume.clone()));
            return Ok(());
        }
        match &one.class {
            Some(class) if makes_volumes_on(class, node) => {
                decision.provision.push(claim.clone());
                Ok(())
            }
            _ => Err(NO_VOLUME),
        }
    }
}

impl Claim {
    fn problem(&self) -> Option<String> {
        let name = &self.name;
        let Some(claim) = self.claim.as_deref() else {
            return Some(match self.is_ephemeral {
                true => format!(
                    "waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}"
                ),
                false => format!("persistentvolumeclaim {name:?} not found"),
            });
        };
        if claim.metadata.deletion_timestamp.is_some() {
            return Some(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        let status = claim.status.as_ref();
        if status.and_then(|status| status.phase.as_deref()) == Some("Lost") {
            let spec = claim.spec.as_ref();
            let volume = spec.and_then(|spec| spec.volume_name.clone());
            return Some(format!(
                "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {:?}",
                volume.unwrap_or_default()
            ));
        }
        let waits = self.class.as_deref().is_some_and(waits_for_consumer);
        (!is_fully_bound(claim) && !waits)
            .then(|| "pod has unbound immediate PersistentVolumeClaims".to_owned())
    }
}

/// The Node on which a volume is to be made for the claim.
fn selected_node(claim: &PersistentVolumeClaim) -> Option<&str> {
    annotation(claim.metadata.annotations.as_ref(), SELECTED_NODE)
}

fn makes_volumes_on(class: &StorageClass, node: &Node) -> bool {
    let topologies = class.allowed_topologies.as_deref().unwrap_or_default();
    class.provisioner != "kubernetes.io/no-provisioner"
        && (topologies.is_empty() || topologies.iter().any(|term| topology_matches(term, node)))
}

fn topology_matches(term: &TopologySelectorTerm, node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    let mut wanted = term.match_label_expressions.iter().flatten();
    wanted.all(|one| {
        let value = labels.and_then(|labels| labels.get(&one.key));
        value.is_some_and(|value| one.values.contains(value))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

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
}
