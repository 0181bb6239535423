//! A Pod that names its Node goes there or nowhere.

use k8s_openapi::api::core::v1::Pod;

use super::{Filter, Prepared, Refusal};
use crate::cache::node_of;
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;

/// Refuses every Node but the one in `spec.nodeName`.
pub(crate) struct NodeName;

impl Filter for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        let Some(wanted) = node_of(&incoming.pod) else {
            return Prepared::Skip;
        };
        Prepared::check(move |node| match wanted == node.name() {
            true => Ok(()),
            false => Err(Refusal::for_good(
                "node(s) didn't match the requested node name",
            )),
        })
    }

    fn may_be_helped(&self, _: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(_))
    }
}
