//! The userspace dataplane: proxies in this process, to which nftables leads connections.
//!
//! ```text
//!   client ─► nftables: redirect ─► Listener (TCP or UDP) ─► Targets: whose turn is it? ─► Pod
//! ```

mod targets;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::AbortHandle;

use crate::dataplane::{Dataplane, DataplaneError, Ranges};
use crate::model::{Model, Protocol, ServicePort};
use crate::nftables::{Base, Loader, Side, Table, base_table, redirecting};
use targets::Targets;

/// Services as proxies of this process.
pub(crate) struct Userspace {
    table: Table,
    listeners: BTreeMap<Name, Listener>,
}

/// A port of a Service, its protocol, and where its clients come from.
type Name = (String, Protocol, Side);

/// A port of this machine where a proxy listens. Ends with its owner, and its connections with it.
struct Listener {
    port: u16,
    targets: Arc<Targets>,
    serving: AbortHandle,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Userspace {
    pub(crate) fn new(ranges: &Ranges, loader: Loader) -> Self {
        Self {
            table: Table::new(base_table(Base::Redirecting, ranges), loader),
            listeners: BTreeMap::new(),
        }
    }

    /// Starts what is missing, and tells all of them their endpoints.
    async fn listen(&mut self, wanted: &BTreeMap<Name, Wanted<'_>>) -> Result<(), DataplaneError> {
        for (name, wanted) in wanted {
            if !self.listeners.contains_key(name) {
                let listener = Listener::start(name).await?;
                self.listeners.insert(name.clone(), listener);
            }
            if let Some(listener) = self.listeners.get(name) {
                listener
                    .targets
                    .set(wanted.endpoints, wanted.affinity_seconds);
            }
        }
        Ok(())
    }
}

impl Listener {
    async fn start(name: &Name) -> Result<Self, DataplaneError> {
        let targets = Arc::new(Targets::default());
        let started = match name.1 {
            Protocol::Udp => udp::start(targets.clone()).await,
            // SCTP has no proxy, as in kube-proxy.
            Protocol::Tcp | Protocol::Sctp => tcp::start(targets.clone()).await,
        };
        let (port, serving) = started.map_err(|source| DataplaneError::Listen {
            name: name.0.clone(),
            source,
        })?;
        Ok(Self {
            port,
            targets,
            serving,
        })
    }
}

struct Wanted<'a> {
    endpoints: &'a BTreeSet<SocketAddrV4>,
    affinity_seconds: Option<u32>,
}

fn name(port: &ServicePort, side: Side) -> Name {
    (port.name.clone(), port.protocol, side)
}

/// The listeners of a model: none for a port without endpoints, which is refused.
fn wanted(model: &Model) -> BTreeMap<Name, Wanted<'_>> {
    let spoken = |port: &&ServicePort| port.protocol != Protocol::Sctp;
    let sides = |port| {
        let ServicePort {
            endpoints,
            external,
            affinity_seconds,
            ..
        }: &ServicePort = port;
        let is_external = external.node_port.is_some() || !external.addresses().is_empty();
        let inside = Some((Side::Inside, endpoints));
        let outside = is_external.then_some((Side::Outside, &external.endpoints));
        let both = inside.into_iter().chain(outside);
        both.filter(|(_, endpoints)| !endpoints.is_empty())
            .map(|(side, endpoints)| {
                let wanted = Wanted {
                    endpoints,
                    affinity_seconds: *affinity_seconds,
                };
                (name(port, side), wanted)
            })
    };
    model.ports().filter(spoken).flat_map(sides).collect()
}

#[async_trait]
impl Dataplane for Userspace {
    fn name(&self) -> &'static str {
        "userspace"
    }

    async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        let wanted = wanted(model);
        self.listen(&wanted).await?;
        let ports: BTreeMap<Name, u16> = self
            .listeners
            .iter()
            .map(|(name, listener)| (name.clone(), listener.port))
            .collect();
        let has_endpoints = |port: &ServicePort, side| match side {
            Side::Inside => !port.endpoints.is_empty(),
            Side::Outside => !port.external.endpoints.is_empty(),
        };
        let rules = |of: &[ServicePort]| {
            redirecting(of, |port, side| {
                let at = ports.get(&name(port, side)).copied();
                at.filter(|_| has_endpoints(port, side))
            })
        };
        self.table.apply(model, rules).await?;
        // Only now nobody is led to them any more.
        self.listeners.retain(|name, _| wanted.contains_key(name));
        Ok(())
    }

    fn forget(&mut self) {
        self.table.forget();
    }

    async fn remove(&mut self) -> Result<(), DataplaneError> {
        self.listeners.clear();
        self.table.remove().await
    }
}
