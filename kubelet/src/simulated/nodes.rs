//! The Node objects.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use futures::{TryStreamExt, stream};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, NodeSpec, NodeStatus};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use skiff_client::{Informer, Next, ObjectKey, is_already_exists};

use super::addresses::free_parts;
use super::{LABEL, Simulation, WORKERS, is_simulated, part_of};
use crate::machine::Machine;
use crate::node::describe::{self, Facts, Identity};
use crate::node::pulse::Known;
use crate::pressure::Pressure;

pub(super) struct Nodes {
    simulation: Simulation,
    labels: BTreeMap<String, String>,
    machine: Machine,
    api: Api<Node>,
    nodes: Informer<Node>,
}

impl Nodes {
    pub(super) fn new(simulation: Simulation, client: Client, nodes: Informer<Node>) -> Self {
        let mark = (LABEL.to_owned(), "true".to_owned());
        Self {
            labels: simulation
                .labels
                .clone()
                .into_iter()
                .chain([mark])
                .collect(),
            machine: Machine {
                cpus: simulation.cpus as usize,
                memory_bytes: simulation.memory_bytes,
                ..Machine::look("/".as_ref())
            },
            api: Api::all(client),
            simulation,
            nodes,
        }
    }

    /// Makes those that are not there yet.
    pub(super) async fn make(&self) -> anyhow::Result<()> {
        let known = self.nodes.list();
        let names: HashSet<String> = known.iter().map(|node| node.name_any()).collect();
        let parts = free_parts(known.iter().filter_map(|node| part_of(node)).collect());
        let prefix = &self.simulation.name_prefix;
        let wanted = (0..self.simulation.nodes).map(|number| format!("{prefix}-{number}"));
        let missing: Vec<String> = wanted.filter(|name| !names.contains(name)).collect();
        let missing: Vec<(String, Ipv4Net)> = missing.into_iter().zip(parts).collect();
        stream::iter(missing.into_iter().map(Ok))
            .try_for_each_concurrent(WORKERS, |(name, part)| self.make_one(name, part))
            .await
    }

    async fn make_one(&self, name: String, part: Ipv4Net) -> anyhow::Result<()> {
        let identity = self.identity(&name);
        let mut node = describe::node(identity, &self.machine, self.status(identity, &[]));
        let part = part.to_string();
        node.spec = Some(NodeSpec {
            pod_cidrs: Some(vec![part.clone()]),
            pod_cidr: Some(part),
            taints: Some(self.simulation.taints.clone()).filter(|taints| !taints.is_empty()),
            ..NodeSpec::default()
        });
        let made = self.api.create(&PostParams::default(), &node).await;
        match made.map_err(anyhow::Error::from) {
            Err(error) if !is_already_exists(&error) => {
                Err(error).context(format!("make the Node {name}"))
            }
            _ => Ok(()),
        }
    }

    /// Tells that a node is Ready: one that a user made, or that was lost while nobody simulated it.
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(node) = self.nodes.get(&key).filter(|node| is_simulated(node)) else {
            return Ok(Next::Done);
        };
        let known = node.status.clone().unwrap_or_default();
        let conditions = known.conditions.unwrap_or_default();
        if is_ready(&conditions) {
            return Ok(Next::Done);
        }
        let mut status = self.status(self.identity(&key.name), &conditions);
        // A user may have said what it has.
        status.capacity = known.capacity.or(status.capacity);
        status.allocatable = known.allocatable.or_else(|| status.capacity.clone());
        status.addresses = known.addresses.or(status.addresses);
        let patch = Patch::Strategic(json!({ "status": status }));
        let written = self
            .api
            .patch_status(&node.name_any(), &PatchParams::default(), &patch)
            .await?;
        self.nodes.caught_up(&written).await;
        Ok(Next::Done)
    }

    fn identity<'a>(&'a self, name: &'a str) -> Identity<'a> {
        Identity {
            name,
            labels: &self.labels,
            max_pods: self.simulation.max_pods,
            at: None,
        }
    }

    fn status(&self, identity: Identity<'_>, old: &[NodeCondition]) -> NodeStatus {
        let runtime = Known {
            version: "simulated://1".to_owned(),
            is_down: false,
        };
        describe::status(&Facts {
            identity,
            machine: &self.machine,
            runtime: &runtime,
            network_is_ready: true,
            pressure: Pressure::default(),
            old,
            now: Timestamp::now(),
        })
    }
}

fn is_ready(conditions: &[NodeCondition]) -> bool {
    let ready = conditions.iter().find(|one| one.type_ == "Ready");
    ready.is_some_and(|one| one.status == "True")
}
