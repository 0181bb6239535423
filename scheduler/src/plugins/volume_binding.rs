//! A Pod goes where its volumes are, or can be made.

use k8s_openapi::api::core::v1::Pod;

use super::{Filter, Prepared, Refusal};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;

/// Refuses Nodes from which a volume of the Pod cannot be reached; claims that wait for their first consumer are met
/// where it goes.
pub(crate) struct VolumeBinding;

impl Filter for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        if incoming.volumes.claims.is_empty() {
            return Prepared::Skip;
        }
        if let Some(problem) = incoming.volumes.problem() {
            return Prepared::Nowhere(problem);
        }
        Prepared::check(|node| match incoming.volumes.decide(&node.node) {
            Ok(_) => Ok(()),
            Err(reasons) => Err(Refusal {
                reasons,
                preemption_may_help: false,
            }),
        })
    }

    fn may_be_helped(&self, _: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(_) | Event::Storage)
    }
}
