//! A claim of `ReadWriteOncePod` is one Pod's alone (KEP-2485).

use k8s_openapi::api::core::v1::Pod;
use skiff_api::volumes::claim_names;

use super::{Filter, Prepared, Refusal};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;

/// Refuses all Nodes while another Pod has the claim.
pub(crate) struct VolumeRestrictions;

const WORDS: &str =
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";

impl Filter for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, cluster: &'a Cluster) -> Prepared<'a> {
        let single: Vec<&str> = single_claims(incoming).collect();
        if single.is_empty() {
            return Prepared::Skip;
        }
        let is_taken = |other: &Pod| {
            other.metadata.namespace == incoming.pod.metadata.namespace
                && claim_names(other).any(|(_, name)| single.contains(&name.as_str()))
        };
        let mut pods = cluster.nodes.iter().flat_map(|node| node.pods.values());
        if !pods.any(|other| is_taken(other)) {
            return Prepared::Skip;
        }
        Prepared::check(|_| Err(Refusal::for_now(vec![WORDS.to_owned()])))
    }

    fn may_be_helped(&self, pod: &Pod, event: &Event) -> bool {
        let Event::PodGone(other) = event else {
            return false;
        };
        let held: Vec<String> = claim_names(other).map(|(_, name)| name).collect();
        claim_names(pod).any(|(_, name)| held.contains(&name))
    }
}

fn single_claims(incoming: &Incoming) -> impl Iterator<Item = &str> {
    let claims = incoming.volumes.claims.iter();
    claims.filter_map(|one| {
        let spec = one.claim.as_deref()?.spec.as_ref()?;
        let modes = spec.access_modes.as_deref().unwrap_or_default();
        let is_single = modes.iter().any(|mode| mode == "ReadWriteOncePod");
        is_single.then_some(one.name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, cluster, incoming, node, pod, refusals};
    use crate::volumes::{PodVolumes, tests::claim};
    use serde_json::json;

    #[test]
    fn a_claim_of_one_pod_is_not_shared() {
        let volumes = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }]);
        let using = |name| pod(name, json!({ "containers": [], "volumes": volumes }));
        for (mode, is_shared) in [("ReadWriteOncePod", false), ("ReadWriteOnce", true)] {
            let claim = claim(json!({ "spec": { "accessModes": [mode] } }));
            let second = Incoming {
                volumes: PodVolumes {
                    claims: vec![claim],
                    ..PodVolumes::default()
                },
                ..incoming(using("second"))
            };
            let cluster = cluster([carrying(node("a", json!({})), [using("first")])]);
            let refused = refusals(&VolumeRestrictions, &second, &cluster);
            assert_eq!(refused[0].is_empty(), is_shared, "{mode}");
        }
    }
}
