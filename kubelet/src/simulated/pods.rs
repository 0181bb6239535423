//! The Pods that are bound to simulated nodes.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Client;
use parking_lot::Mutex;
use skiff_client::{Informer, Next, ObjectKey};
use tokio::time::timeout;

use super::addresses::Addresses;
use super::{is_simulated, node_name, part_of};
use crate::pods::{Simulated, delete_object, object, patch_status};

/// How long the cache may take to show what was written.
const CATCH_UP: Duration = Duration::from_secs(5);

pub(super) struct Pods {
    run_for: Duration,
    client: Client,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    addresses: Mutex<Addresses>,
}

impl Pods {
    /// Both caches must be filled: their Pods keep the addresses that they have.
    pub(super) fn new(
        run_for: Duration,
        client: Client,
        nodes: Informer<Node>,
        pods: Informer<Pod>,
    ) -> Self {
        let mut addresses = Addresses::default();
        for pod in pods.list() {
            if let Some(address) = told(&pod).filter(|_| !object::is_terminal(&pod)) {
                addresses.note(&object::key(&pod), object::uid(&pod), address);
            }
        }
        Self {
            run_for,
            client,
            nodes,
            pods,
            addresses: Mutex::new(addresses),
        }
    }

    /// Writes the status that the Pod should have; removes it when it is deleted.
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(pod) = self.pods.get(&key) else {
            self.addresses.lock().release(&key);
            return Ok(Next::Done);
        };
        let node = node_name(&pod).and_then(|name| self.nodes.get(&ObjectKey::cluster(name)));
        let Some(node) = node.filter(|node| is_simulated(node)) else {
            return Ok(Next::Done);
        };
        let is_deleted = pod.metadata.deletion_timestamp.is_some();
        if object::is_terminal(&pod) {
            self.addresses.lock().release(&key);
            if is_deleted {
                delete_object(&self.client, &pod).await?;
            }
            return Ok(Next::Done);
        }
        let part = part_of(&node).context("its node has no podCIDR yet")?;
        let simulated = Simulated {
            pod: &pod,
            ip: self.address(&key, &pod, part)?,
            node_ip: first(part),
            run_for: self.run_for,
        };
        let now = Timestamp::now();
        // That it has ended is told before it goes: owners wait for that.
        let (status, wait) = match is_deleted {
            true => (simulated.ended(now), None),
            false => simulated.status(now),
        };
        let old = pod.status.clone().unwrap_or_default();
        if status != old
            && let Some(written) = patch_status(&self.client, &pod, &old, &status).await?
        {
            // Before that another look would write the same.
            let _ = timeout(CATCH_UP, self.pods.caught_up(&written)).await;
        }
        if is_deleted {
            delete_object(&self.client, &pod).await?;
        }
        Ok(wait.map_or(Next::Done, Next::After))
    }

    fn address(&self, key: &ObjectKey, pod: &Pod, part: Ipv4Net) -> anyhow::Result<Ipv4Addr> {
        let told = told(pod).filter(|told| part.contains(told));
        let mut addresses = self.addresses.lock();
        let address = addresses.take(key, object::uid(pod), told, part);
        address.with_context(|| format!("all addresses of {part} are taken"))
    }
}

/// The node's own address.
fn first(part: Ipv4Net) -> Ipv4Addr {
    part.hosts().next().unwrap_or(part.network())
}

/// The address that its status has.
fn told(pod: &Pod) -> Option<Ipv4Addr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}
