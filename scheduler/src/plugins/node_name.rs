//! A Pod that names its Node goes there or nowhere.

use k8s_openapi::api::core::v1::Pod;

use super::Filter;
use crate::cache::node_of;
use crate::node_info::NodeInfo;

/// Refuses every Node but the one in `spec.nodeName`.
pub(crate) struct NodeName;

impl Filter for NodeName {
    fn reasons(&self, pod: &Pod, node: &NodeInfo) -> Vec<String> {
        match node_of(pod) {
            Some(wanted) if wanted != node.name() => {
                vec!["node(s) didn't match the requested node name".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}
