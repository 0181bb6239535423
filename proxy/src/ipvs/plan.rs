//! Which virtual servers are wanted, and the steps from what the kernel has: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Address, Served, VirtualServer};
use crate::model::{Model, ServicePort};

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    AddServer(VirtualServer),
    ChangeServer(VirtualServer),
    RemoveServer(Address),
    AddReal(Address, SocketAddrV4),
    RemoveReal(Address, SocketAddrV4),
}

/// The virtual servers of a model on a node with these addresses, by address.
pub(crate) fn wanted(model: &Model, node: &[Ipv4Addr]) -> BTreeMap<Address, Served> {
    let mut servers = BTreeMap::new();
    for port in &model.ports {
        let mut serve = |at: SocketAddrV4, real: &BTreeSet<SocketAddrV4>| {
            let served = served(port, at, real);
            servers.insert(served.server.at, served);
        };
        serve(
            SocketAddrV4::new(port.cluster_ip, port.port),
            &port.endpoints,
        );
        if let Some(node_port) = &port.node_port {
            for address in node {
                serve(
                    SocketAddrV4::new(*address, node_port.port),
                    &node_port.endpoints,
                );
            }
        }
    }
    servers
}

fn served(port: &ServicePort, at: SocketAddrV4, real: &BTreeSet<SocketAddrV4>) -> Served {
    let server = VirtualServer {
        at: Address {
            protocol: port.protocol,
            at,
        },
        scheduler: "rr".to_owned(),
        persistent_seconds: port.affinity_seconds,
    };
    Served {
        server,
        real: real.clone(),
    }
}

/// The steps from what the kernel has to what is wanted; new real servers come before old ones go.
pub(crate) fn plan(
    has: &BTreeMap<Address, Served>,
    wanted: &BTreeMap<Address, Served>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (at, want) in wanted {
        let none = Default::default();
        let real = match has.get(at) {
            None => {
                steps.push(Step::AddServer(want.server.clone()));
                &none
            }
            Some(has) => {
                if has.server != want.server {
                    steps.push(Step::ChangeServer(want.server.clone()));
                }
                &has.real
            }
        };
        steps.extend(
            want.real
                .difference(real)
                .map(|real| Step::AddReal(*at, *real)),
        );
        steps.extend(
            real.difference(&want.real)
                .map(|real| Step::RemoveReal(*at, *real)),
        );
    }
    steps.extend(
        has.keys()
            .filter(|at| !wanted.contains_key(at))
            .map(|at| Step::RemoveServer(*at)),
    );
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodePort, Protocol};

    fn model(endpoints: &[&str], node_port: Option<u16>, affinity_seconds: Option<u32>) -> Model {
        let endpoints: BTreeSet<_> = endpoints
            .iter()
            .map(|at| at.parse().expect("an address"))
            .collect();
        Model {
            ports: vec![ServicePort {
                name: "default/web:".to_owned(),
                protocol: Protocol::Tcp,
                cluster_ip: [10, 96, 0, 5].into(),
                port: 80,
                node_port: node_port.map(|port| NodePort {
                    port,
                    endpoints: endpoints.clone(),
                    keeps_source: false,
                }),
                affinity_seconds,
                endpoints,
            }],
        }
    }

    fn steps(from: &Model, to: &Model) -> Vec<Step> {
        let node = [Ipv4Addr::new(192, 0, 2, 1)];
        plan(&wanted(from, &node), &wanted(to, &node))
    }

    fn at(address: &str) -> Address {
        Address {
            protocol: Protocol::Tcp,
            at: address.parse().expect("an address"),
        }
    }

    fn rr(address: &str, persistent_seconds: Option<u32>) -> VirtualServer {
        VirtualServer {
            at: at(address),
            scheduler: "rr".to_owned(),
            persistent_seconds,
        }
    }

    #[test]
    fn a_new_service_gets_its_servers_with_their_real_servers() {
        let pod: SocketAddrV4 = "10.244.0.2:8080".parse().expect("an address");
        assert_eq!(
            steps(
                &Model::default(),
                &model(&["10.244.0.2:8080"], Some(30002), None)
            ),
            [
                Step::AddServer(rr("10.96.0.5:80", None)),
                Step::AddReal(at("10.96.0.5:80"), pod),
                Step::AddServer(rr("192.0.2.1:30002", None)),
                Step::AddReal(at("192.0.2.1:30002"), pod),
            ]
        );
    }

    #[test]
    fn a_changed_service_changes_only_what_differs() {
        let (old, new): (SocketAddrV4, SocketAddrV4) = (
            "10.244.0.2:80".parse().expect("an address"),
            "10.244.0.3:80".parse().expect("an address"),
        );
        let server = at("10.96.0.5:80");
        assert_eq!(
            steps(
                &model(&["10.244.0.2:80"], None, None),
                &model(&["10.244.0.3:80"], None, None)
            ),
            [Step::AddReal(server, new), Step::RemoveReal(server, old)]
        );
        assert_eq!(
            steps(
                &model(&["10.244.0.2:80"], None, None),
                &model(&["10.244.0.2:80"], None, Some(10_800))
            ),
            [Step::ChangeServer(rr("10.96.0.5:80", Some(10_800)))]
        );
        assert_eq!(
            steps(&model(&["10.244.0.2:80"], None, None), &Model::default()),
            [Step::RemoveServer(server)]
        );
        assert_eq!(steps(&model(&[], None, None), &model(&[], None, None)), []);
    }
}
