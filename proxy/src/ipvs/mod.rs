//! The IPVS dataplane: a virtual server for each ClusterIP and for each NodePort on each address of the node.
//!
//! nftables stands beside it: it masquerades what must come back through this node, and refuses addresses of the Service
//! range without a virtual server.

mod kernel;
mod message;
mod plan;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use crate::dataplane::{DataplaneError, Ranges, node_addresses};
use crate::host::prepare_ipvs;
use crate::model::{Model, Protocol};
use crate::nftables::{Base, Rules, load};
use kernel::Kernel;
use plan::{plan, wanted};

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
    kernel: Kernel,
    /// What nftables holds beside it; nothing is known after a failure and at the start.
    beside: Option<Rules>,
}

impl Ipvs {
    /// Connects to the kernel's IPVS.
    ///
    /// # Errors
    /// If the kernel has none.
    pub(crate) async fn open(ranges: Ranges) -> Result<Self, DataplaneError> {
        let kernel = Kernel::open().await?;
        prepare_ipvs().map_err(|source| DataplaneError::Malformed {
            what: "settings of IPVS",
            why: source.to_string(),
        })?;
        Ok(Self {
            ranges,
            kernel,
            beside: None,
        })
    }

    /// Brings the virtual servers to `model`; those of others, outside the Service range and the NodePorts, are replaced
    /// as well: the node's IPVS is the proxy's, as with kube-proxy.
    pub(crate) async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        let rules = Rules::beside_ipvs(model);
        let beside = self.beside.take();
        load(Base::BesideIpvs, &self.ranges, beside.as_ref(), &rules).await?;
        self.beside = Some(rules);
        let wanted = wanted(model, &node_addresses(&self.ranges)?);
        for step in plan(&self.kernel.list().await?, &wanted) {
            self.kernel.take(&step).await?;
        }
        Ok(())
    }
}
