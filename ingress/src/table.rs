//! The table that requests are answered by.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::backend::Backend;
use crate::host;
use crate::path::PathRule;

/// Hosts with their paths and certificates.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Names and wildcards (`*.example.com`).
    pub(crate) hosts: HashMap<String, Host>,
    /// The rules without a host.
    pub(crate) any: Host,
    /// Certificates by names and wildcards.
    pub(crate) certificates: HashMap<String, Arc<CertifiedKey>>,
}

/// The paths of a host, the first that matches goes.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) routes: Vec<Route>,
    /// The default backend of the Ingresses that name the host.
    pub(crate) default: Option<Arc<Backend>>,
}

/// A path and where it leads.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: PathRule,
    pub(crate) backend: Arc<Backend>,
}

impl Table {
    /// Where a request goes: by the host itself, else by a wildcard, else by the rules without a host, else to a default
    /// backend in the same order.
    pub(crate) fn route(&self, host: &str, path: &str) -> Option<&Arc<Backend>> {
        let wildcard = host::wildcard(host).and_then(|wildcard| self.hosts.get(&wildcard));
        let hosts = [self.hosts.get(host), wildcard, Some(&self.any)];
        let hosts = || hosts.into_iter().flatten();
        let mut routes = hosts().flat_map(|host| &host.routes);
        let found = routes.find(|route| route.path.matches(path));
        found
            .map(|route| &route.backend)
            .or_else(|| hosts().find_map(|host| host.default.as_ref()))
    }

    /// The certificate for a host, if a Secret gives one.
    pub(crate) fn certificate(&self, host: &str) -> Option<&Arc<CertifiedKey>> {
        let wildcard = || self.certificates.get(&host::wildcard(host)?);
        self.certificates.get(host).or_else(wildcard)
    }

    /// All endpoints that requests may go to.
    pub(crate) fn endpoints(&self) -> HashSet<SocketAddr> {
        let hosts = self.hosts.values().chain([&self.any]);
        let backends = hosts.flat_map(|host| {
            let routes = host.routes.iter().map(|route| &route.backend);
            routes.chain(&host.default)
        });
        backends
            .flat_map(|backend| backend.endpoints.iter().copied())
            .collect()
    }
}
