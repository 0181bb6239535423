//! Models for the tests of dataplanes.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;

use super::{External, Model, Protocol, ServicePort};

/// `default/web` at 10.96.0.5:80, over TCP.
pub(crate) fn web(endpoints: &[&str]) -> ServicePort {
    let endpoints = addresses(endpoints);
    ServicePort {
        name: "default/web:".to_owned(),
        protocol: Protocol::Tcp,
        cluster_ip: [10, 96, 0, 5].into(),
        port: 80,
        affinity_seconds: None,
        draining: BTreeSet::new(),
        external: External {
            endpoints: endpoints.clone(),
            endpoints_for_insiders: endpoints.clone(),
            ..External::default()
        },
        endpoints,
    }
}

/// The same with a NodePort.
pub(crate) fn web_on(node_port: u16, endpoints: &[&str]) -> ServicePort {
    let mut port = web(endpoints);
    port.external.node_port = Some(node_port);
    port
}

/// A model of that one port.
pub(crate) fn model(port: ServicePort) -> Model {
    let mut model = Model::default();
    model.put("default/web", vec![port]);
    model
}

pub(crate) fn addresses(of: &[&str]) -> BTreeSet<SocketAddrV4> {
    let parsed = of.iter().map(|at| at.parse().expect("an address"));
    parsed.collect()
}
