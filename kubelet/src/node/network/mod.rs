//! The Pod network of the node: its own Pods on a bridge by CNI, and the ways to the Pods of other nodes.
//!
//! ```text
//!   own Node: spec.podCIDR ──► CNI configuration, with the MTU of the way out ──► containerd
//!   other Nodes: podCIDR, InternalIP ──► Wanted ─┐
//!   kernel: tunnel, routes, neighbours ──► Seen ─┴─► plan ──► steps ──► netlink
//! ```
//!
//! It stands in the kubelet, for both halves come from the same Node objects and must agree about the MTU.

mod kernel;
mod messages;
mod plan;
mod wanted;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;
use skiff_client::{Informer, ObjectKey};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use self::kernel::{Kernel, Uplink};
use self::wanted::{Wanted, peers};
use crate::config::{Config, NetworkBackend};
use crate::pods::Context;
use crate::runtime::{CniConfig, Runtime};

/// After the runtime could not be asked, or took too long.
const AGAIN: Duration = Duration::from_secs(1);
/// How long to wait after the kernel refused, doubled each time.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Waits for `spec.podCIDR`, sets the network up and, once the runtime has it, tells so; then keeps the ways to other
/// nodes, for ever.
pub(super) async fn set_up<R: Runtime>(
    context: &Context<R>,
    nodes: &Informer<Node>,
    key: &ObjectKey,
    ready: &watch::Sender<bool>,
) -> anyhow::Result<()> {
    let config = &context.host.config;
    let changed = Arc::new(Notify::new());
    let notified = changed.clone();
    nodes.on_change(move |_| notified.notify_one());
    let range = pod_cidr(nodes, key, &changed).await?;
    let network = Network::open(config, range).await?;
    network.cni(config).apply(&config.data_dir).await?;
    let usable = async {
        while let Err(error) = context.runtime.await_network().await {
            tracing::warn!(%error, "the container runtime has no Pod network yet, waiting on");
            sleep(AGAIN).await;
        }
        ready.send_replace(true);
    };
    tokio::join!(usable, network.keep_ways(config, nodes, &changed));
    Ok(())
}

/// Takes the Pod network of the cluster in `data_dir` out of the kernel: bridge, tunnel, routes and rules.
///
/// # Errors
/// If the kernel refuses; what is not there is no error.
pub async fn remove_network(data_dir: &Path) -> anyhow::Result<()> {
    kernel::remove_links(CniConfig::BRIDGE).await?;
    Ok(CniConfig::remove_rules(data_dir).await?)
}

async fn pod_cidr(
    nodes: &Informer<Node>,
    key: &ObjectKey,
    changed: &Notify,
) -> anyhow::Result<Ipv4Net> {
    loop {
        let node = nodes.get(key);
        if let Some(range) = node.and_then(|node| node.spec.as_ref()?.pod_cidr.clone()) {
            return range
                .parse()
                .with_context(|| format!("the Node's podCIDR {range:?}"));
        }
        changed.notified().await;
    }
}

/// This node's part of it.
struct Network {
    kernel: Kernel,
    pods: Ipv4Net,
    node: Ipv4Addr,
    /// None if no interface has the node's address: then there is no way to other nodes.
    uplink: Option<Uplink>,
    backend: NetworkBackend,
}

impl Network {
    async fn open(config: &Config, pods: Ipv4Net) -> anyhow::Result<Self> {
        let IpAddr::V4(node) = config.node_ip else {
            bail!("the node's address {} is not IPv4", config.node_ip);
        };
        let kernel = Kernel::open()?;
        Ok(Self {
            uplink: kernel.uplink(node).await?,
            kernel,
            pods,
            node,
            backend: config.network_backend,
        })
    }

    fn cni(&self, config: &Config) -> CniConfig {
        let mut cni = CniConfig::new(self.pods.into(), config.cluster_cidr);
        let mtu = |uplink: &Uplink| wanted::pod_mtu(self.backend, uplink.mtu);
        cni.mtu = self.uplink.as_ref().map(mtu);
        cni
    }

    /// Brings about what the Nodes want, for ever. Each change of a Node is a reason to look: a link that was down has
    /// lost its routes.
    async fn keep_ways(&self, config: &Config, nodes: &Informer<Node>, changed: &Notify) {
        nodes.ready().await;
        let mut retry = RETRY.0;
        loop {
            let peers = peers(&nodes.list(), &config.node_name, self.pods);
            match self.bring_about(&peers).await {
                Ok(()) => {
                    retry = RETRY.0;
                    // Changes since the look have left their permit: none is missed.
                    changed.notified().await;
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "no way to the Pods of other nodes, trying again");
                    sleep(retry).await;
                    retry = (retry * 2).min(RETRY.1);
                }
            }
        }
    }

    async fn bring_about(&self, peers: &[wanted::Peer]) -> anyhow::Result<()> {
        let Some(uplink) = &self.uplink else {
            match peers.is_empty() {
                true => return Ok(()),
                false => bail!("no interface has the node's address {}", self.node),
            }
        };
        let wanted = Wanted::new(self.backend, self.pods, self.node, uplink.mtu, peers);
        let seen = self.kernel.look().await.context("look at the routes")?;
        for step in plan::plan(&seen, &wanted) {
            let done = self.kernel.apply(&step, uplink).await;
            done.with_context(|| format!("{step:?}"))?;
        }
        Ok(())
    }
}
