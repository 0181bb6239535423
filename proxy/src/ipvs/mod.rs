//! The IPVS dataplane: a virtual server for each front of a Service and for each NodePort on each address of the node.
//!
//! nftables stands beside it: it masquerades what must come back through this node, gives answers the address that was
//! asked, and refuses addresses of the Service range without a virtual server.

mod kernel;
mod message;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use async_trait::async_trait;

use crate::config::DEFAULT_SCHEDULER;
use crate::dataplane::{Dataplane, DataplaneError, Ranges, node_addresses};
use crate::host;
use crate::model::{Model, Protocol};
use crate::nftables::{Base, Loader, Table, base_table, beside_ipvs};
use kernel::Kernel;
use plan::{foreign_addresses, plan, wanted};

/// The lines of `/proc/net/ip_vs` before the first virtual server.
const TABLE_HEAD: usize = 3;

/// A virtual server: where it listens and how it chooses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VirtualServer {
    pub(crate) at: Address,
    /// The scheduler, such as `rr`.
    pub(crate) scheduler: String,
    /// How long a client stays with its real server, in seconds; `None` for not at all.
    pub(crate) persistent_seconds: Option<u32>,
}

/// The key of a virtual server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) protocol: Protocol,
    pub(crate) at: SocketAddrV4,
}

/// How many new connections a real server takes, compared with others; with 0 it only keeps those it has.
pub(crate) type Weight = u32;

/// A virtual server with its real servers, all masqueraded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) server: VirtualServer,
    pub(crate) real: BTreeMap<SocketAddrV4, Weight>,
}

/// Services as virtual servers of the kernel.
pub(crate) struct Ipvs {
    ranges: Ranges,
    scheduler: String,
    kernel: Kernel,
    beside: Table,
    /// What the kernel holds; nothing is known after a failure and at the start.
    applied: Option<Applied>,
}

struct Applied {
    model: Model,
    node: Vec<Ipv4Addr>,
    /// Addresses of Services that only a route makes the node's own.
    routed: BTreeSet<Ipv4Addr>,
}

impl Ipvs {
    /// Connects to the kernel's IPVS; virtual servers choose by `scheduler`, or by the default one where the kernel does not
    /// have it.
    ///
    /// # Errors
    /// If the kernel has no IPVS, or not even the default scheduler.
    pub(crate) async fn open(
        ranges: Ranges,
        scheduler: String,
        loader: Loader,
    ) -> Result<Self, DataplaneError> {
        let kernel = Kernel::open().await?;
        let scheduler = match kernel.try_scheduler(&scheduler).await {
            Err(DataplaneError::Kernel { .. }) if scheduler != DEFAULT_SCHEDULER => {
                kernel.try_scheduler(DEFAULT_SCHEDULER).await?;
                DEFAULT_SCHEDULER.to_owned()
            }
            tried => tried.map(|()| scheduler)?,
        };
        host::prepare_ipvs().map_err(|source| DataplaneError::Malformed {
            what: "settings of IPVS",
            why: source.to_string(),
        })?;
        Ok(Self {
            beside: Table::new(base_table(Base::BesideIpvs, &ranges), loader),
            ranges,
            scheduler,
            kernel,
            applied: None,
        })
    }

    /// By what virtual servers choose.
    pub(crate) fn scheduler(&self) -> &str {
        &self.scheduler
    }

    /// Whether somebody has virtual servers; asking loads no module.
    pub(crate) fn is_in_use() -> bool {
        let table = std::fs::read_to_string("/proc/net/ip_vs").unwrap_or_default();
        table.lines().count() > TABLE_HEAD
    }

    /// What the kernel has of the Services that changed, and what it must have.
    async fn step(
        &self,
        model: &Model,
        node: &[Ipv4Addr],
    ) -> Result<[BTreeMap<Address, Served>; 2], DataplaneError> {
        let scheduler = self.scheduler.as_str();
        match &self.applied {
            Some(applied) if applied.node == node => {
                let changes = model.changes_since(&applied.model);
                let old = changes.iter().flat_map(|change| change.old);
                let new = changes.iter().flat_map(|change| change.new);
                Ok([wanted(old, node, scheduler), wanted(new, node, scheduler)])
            }
            _ => Ok([
                self.kernel.list().await?,
                wanted(model.ports(), node, scheduler),
            ]),
        }
    }

    async fn route(&self, routed: &BTreeSet<Ipv4Addr>) -> Result<(), DataplaneError> {
        let none = BTreeSet::new();
        let was = self
            .applied
            .as_ref()
            .map_or(&none, |applied| &applied.routed);
        let led = host::lead_addresses_here(routed.difference(was), was.difference(routed));
        led.await.map_err(unrouted)
    }

    /// The addresses of these virtual servers that only a route can have made the node's own.
    fn foreign(
        &self,
        servers: &BTreeMap<Address, Served>,
    ) -> Result<BTreeSet<Ipv4Addr>, DataplaneError> {
        let everywhere = Ranges {
            node_ports: Vec::new(),
            ..self.ranges.clone()
        };
        let own = node_addresses(&everywhere)?;
        let served = servers.keys().map(|address| *address.at.ip());
        let is_own = |ip: &Ipv4Addr| own.contains(ip) || ip.is_loopback();
        Ok(served
            .filter(|ip| !is_own(ip) && !self.ranges.is_service(*ip))
            .collect())
    }

    async fn unroute(&self, routed: &BTreeSet<Ipv4Addr>) -> Result<(), DataplaneError> {
        let led = host::lead_addresses_here(std::iter::empty(), routed.iter());
        led.await.map_err(unrouted)
    }
}

fn unrouted(source: anyhow::Error) -> DataplaneError {
    DataplaneError::Malformed {
        what: "routes of external addresses",
        why: format!("{source:#}"),
    }
}

#[async_trait]
impl Dataplane for Ipvs {
    fn name(&self) -> &'static str {
        "ipvs"
    }

    /// The virtual servers of others, outside the Service range and the NodePorts, are replaced as well: the node's IPVS
    /// is the proxy's, as with kube-proxy.
    async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        self.beside.apply(model, beside_ipvs).await?;
        let node = node_addresses(&self.ranges)?;
        let routed = foreign_addresses(model, &node);
        let [has, wanted] = self.step(model, &node).await?;
        let done = async {
            self.route(&routed).await?;
            for step in plan(&has, &wanted) {
                self.kernel.take(&step).await?;
            }
            Ok(())
        };
        let done = done.await;
        self.applied = match done {
            Ok(()) => Some(Applied {
                model: model.clone(),
                node,
                routed,
            }),
            Err(_) => None,
        };
        done
    }

    fn forget(&mut self) {
        self.applied = None;
        self.beside.forget();
    }

    async fn remove(&mut self) -> Result<(), DataplaneError> {
        let has = self.kernel.list().await?;
        // Those of an earlier skiff as well.
        let foreign = self.foreign(&has)?;
        self.unroute(&foreign).await?;
        self.applied = None;
        for step in plan(&has, &BTreeMap::new()) {
            self.kernel.take(&step).await?;
        }
        self.beside.remove().await
    }
}
