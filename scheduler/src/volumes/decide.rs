//! How the claims of a Pod are met on a Node: pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Node, PersistentVolume, PersistentVolumeClaim, TopologySelectorTerm,
};
use k8s_openapi::api::storage::v1::StorageClass;
use skiff_api::volume_is_reachable;
use skiff_api::volumes::{best_match, is_fully_bound};

use super::{Claim, PodVolumes, selected_node};

/// What is to be done so that the claims of a Pod are met on a Node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Decision {
    /// Claims, and the volumes that are there for them.
    pub(crate) bind: Vec<(Arc<PersistentVolumeClaim>, Arc<PersistentVolume>)>,
    /// Claims for which a volume is made on that Node.
    pub(crate) provision: Vec<Arc<PersistentVolumeClaim>>,
}

impl PodVolumes {
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
