//! One node: gives it addresses if it has none.

use std::collections::HashSet;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_client::EventType::Normal;
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::plan::first_free;
use crate::context::Context;

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) nodes: Informer<Node>,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(node) = self
            .nodes
            .get(&key)
            .filter(|node| parts(node).next().is_none())
        else {
            return Ok(Next::Done);
        };
        let used: HashSet<IpNet> = self
            .nodes
            .list()
            .iter()
            .flat_map(|node| parts(node).collect::<Vec<_>>())
            .collect();
        let Some(part) = first_free(self.context.config.cluster_cidr, &used) else {
            let message = format!("Node {} status is now: CIDRNotAvailable", key.name);
            self.recorder
                .event(&node.object_ref(&()), Normal, "CIDRNotAvailable", message);
            // A part becomes free only when a node goes; until then trying costs little.
            anyhow::bail!(
                "no free addresses left in {}",
                self.context.config.cluster_cidr
            );
        };
        let api: Api<Node> = Api::all(self.context.client.clone());
        let part = part.to_string();
        let patch = json!({
            "metadata": { "resourceVersion": node.resource_version() },
            "spec": { "podCIDR": part, "podCIDRs": [part] },
        });
        let written = api
            .patch(&key.name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        self.context.caught_up(&self.nodes, &written).await;
        Ok(Next::Done)
    }
}

/// The addresses that a node has.
fn parts(node: &Node) -> impl Iterator<Item = IpNet> {
    let spec = node.spec.as_ref();
    let one = spec.and_then(|spec| spec.pod_cidr.as_ref());
    let all = spec.and_then(|spec| spec.pod_cidrs.as_ref());
    one.into_iter()
        .chain(all.into_iter().flatten())
        .filter_map(|part| part.parse().ok())
}
