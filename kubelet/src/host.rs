//! What all Pods of the node share, but for the runtime.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use skiff_client::Recorder;

use crate::config::{Config, Paths};
use crate::machine::Machine;
use crate::objects::Objects;
use crate::pods::Resolvers;
use crate::tokens::Tokens;

/// The node as its Pods see it.
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) paths: Paths,
    pub(crate) cgroup_parent: String,
    pub(crate) machine: Machine,
    /// What the node has for Pods.
    pub(crate) allocatable: BTreeMap<String, Quantity>,
    pub(crate) resolvers: Resolvers,
    pub(crate) objects: Objects,
    pub(crate) tokens: Tokens,
    pub(crate) recorder: Recorder,
}

impl Host {
    /// The node, for events about it. The kubelet's have its name in the place of its uid.
    pub(crate) fn node_reference(&self) -> ObjectReference {
        let name = &self.config.node_name;
        ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(name.clone()),
            uid: Some(name.clone()),
            ..ObjectReference::default()
        }
    }
}
