//! Which virtual servers are wanted, and the steps from what the kernel has: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Address, Served, VirtualServer, Weight};
use crate::model::{Model, Protocol, ServicePort};

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    AddServer(VirtualServer),
    ChangeServer(VirtualServer),
    RemoveServer(Address),
    AddReal(Address, SocketAddrV4, Weight),
    ChangeReal(Address, SocketAddrV4, Weight),
    RemoveReal(Address, SocketAddrV4),
}

/// The virtual servers of these ports on a node with these addresses, by address.
pub(crate) fn wanted<'a>(
    ports: impl IntoIterator<Item = &'a ServicePort>,
    node: &[Ipv4Addr],
    scheduler: &str,
) -> BTreeMap<Address, Served> {
    let mut servers = BTreeMap::new();
    for port in ports {
        let mut serve = |at: SocketAddrV4, real: &BTreeSet<SocketAddrV4>| {
            let served = served(port, at, real, scheduler);
            // Of two Services with the same address the first by name has it, as in the other dataplanes.
            servers.entry(served.server.at).or_insert(served);
        };
        for (front, endpoints) in port.fronts() {
            serve(front, endpoints);
        }
        if let Some(node_port) = port.external.node_port {
            for address in node {
                let at = SocketAddrV4::new(*address, node_port);
                serve(at, &port.external.endpoints);
            }
        }
    }
    servers
}

/// The addresses of Services that are not the node's: IPVS sees only packets to its own.
pub(crate) fn foreign_addresses(model: &Model, node: &[Ipv4Addr]) -> BTreeSet<Ipv4Addr> {
    let all = model.ports().flat_map(|port| port.external.addresses());
    all.filter(|address| !node.contains(address)).collect()
}

/// Endpoints that drain stay with weight 0: the kernel cuts the connections of a real server that is removed. That is
/// right for UDP, whose clients would go on talking to it.
fn served(
    port: &ServicePort,
    at: SocketAddrV4,
    endpoints: &BTreeSet<SocketAddrV4>,
    scheduler: &str,
) -> Served {
    let server = VirtualServer {
        at: Address {
            protocol: port.protocol,
            at,
        },
        scheduler: scheduler.to_owned(),
        persistent_seconds: port.affinity_seconds,
    };
    let drains = port.protocol != Protocol::Udp;
    let draining = port.draining.iter().filter(|_| drains);
    let draining = draining.map(|real| (*real, 0));
    let serving = endpoints.iter().map(|real| (*real, 1));
    Served {
        server,
        real: draining.chain(serving).collect(),
    }
}

/// The steps from what the kernel has to what is wanted. Real servers that take connections come before others stop
/// doing so: at no moment is there none.
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
        steps.extend(real_steps(*at, real, &want.real));
    }
    steps.extend(
        has.keys()
            .filter(|at| !wanted.contains_key(at))
            .map(|at| Step::RemoveServer(*at)),
    );
    steps
}

fn real_steps(
    at: Address,
    has: &BTreeMap<SocketAddrV4, Weight>,
    wanted: &BTreeMap<SocketAddrV4, Weight>,
) -> Vec<Step> {
    let put = |(real, weight): (&SocketAddrV4, &Weight)| match has.get(real) {
        None => Some(Step::AddReal(at, *real, *weight)),
        Some(has) if has != weight => Some(Step::ChangeReal(at, *real, *weight)),
        Some(_) => None,
    };
    let serving = wanted.iter().filter(|(_, weight)| **weight > 0);
    let draining = wanted.iter().filter(|(_, weight)| **weight == 0);
    let gone = has.keys().filter(|real| !wanted.contains_key(real));
    let remove = gone.map(|real| Step::RemoveReal(at, *real));
    let steps = serving.chain(draining).filter_map(put);
    steps.chain(remove).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::web;

    fn model(
        endpoints: &[&str],
        node_port: Option<u16>,
        affinity_seconds: Option<u32>,
    ) -> Vec<ServicePort> {
        let mut port = web(endpoints);
        port.external.node_port = node_port;
        port.affinity_seconds = affinity_seconds;
        vec![port]
    }

    fn steps(from: &[ServicePort], to: &[ServicePort]) -> Vec<Step> {
        let node = [Ipv4Addr::new(192, 0, 2, 1)];
        plan(&wanted(from, &node, "rr"), &wanted(to, &node, "rr"))
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
            steps(&[], &model(&["10.244.0.2:8080"], Some(30002), None)),
            [
                Step::AddServer(rr("10.96.0.5:80", None)),
                Step::AddReal(at("10.96.0.5:80"), pod, 1),
                Step::AddServer(rr("192.0.2.1:30002", None)),
                Step::AddReal(at("192.0.2.1:30002"), pod, 1),
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
            [Step::AddReal(server, new, 1), Step::RemoveReal(server, old)]
        );
        assert_eq!(
            steps(
                &model(&["10.244.0.2:80"], None, None),
                &model(&["10.244.0.2:80"], None, Some(10_800))
            ),
            [Step::ChangeServer(rr("10.96.0.5:80", Some(10_800)))]
        );
        assert_eq!(
            steps(&model(&["10.244.0.2:80"], None, None), &[]),
            [Step::RemoveServer(server)]
        );
        assert_eq!(steps(&model(&[], None, None), &model(&[], None, None)), []);
    }

    #[test]
    fn external_addresses_are_served_by_the_scheduler_that_is_configured() {
        let mut port = web(&["10.244.0.2:8080"]);
        port.external.ips.insert([192, 0, 2, 7].into());
        let servers = wanted([&port], &[], "lc");
        let shown: Vec<_> = servers
            .values()
            .map(|served| {
                (
                    served.server.at.at.to_string(),
                    served.server.scheduler.as_str(),
                )
            })
            .collect();
        let expected = [
            ("10.96.0.5:80".to_owned(), "lc"),
            ("192.0.2.7:80".to_owned(), "lc"),
        ];
        assert_eq!(shown, expected);
        let model = crate::model::testing::model(port);
        let foreign = foreign_addresses(&model, &[]);
        assert_eq!(foreign, BTreeSet::from([[192, 0, 2, 7].into()]));
        assert!(foreign_addresses(&model, &[[192, 0, 2, 7].into()]).is_empty());
    }

    #[test]
    fn an_endpoint_that_ends_keeps_its_connections_until_it_is_gone() {
        let (old, new): (SocketAddrV4, SocketAddrV4) = (
            "10.244.0.2:80".parse().expect("an address"),
            "10.244.0.3:80".parse().expect("an address"),
        );
        let server = at("10.96.0.5:80");
        let both = model(&["10.244.0.2:80", "10.244.0.3:80"], None, None);
        let after = model(&["10.244.0.3:80"], None, None);
        let mut ending = after.clone();
        ending[0].draining.insert(old);
        assert_eq!(steps(&both, &ending), [Step::ChangeReal(server, old, 0)]);
        assert_eq!(steps(&ending, &after), [Step::RemoveReal(server, old)]);
        let before = model(&["10.244.0.2:80"], None, None);
        let replaced = [
            Step::AddReal(server, new, 1),
            Step::ChangeReal(server, old, 0),
        ];
        assert_eq!(steps(&before, &ending), replaced);
        ending[0].protocol = Protocol::Udp;
        let datagrams = wanted(&ending, &[], "rr");
        let real = datagrams.values().flat_map(|served| &served.real);
        assert_eq!(real.collect::<Vec<_>>(), [(&new, &1)]);
        ending[0].protocol = Protocol::Tcp;
        // The last one still serves: it gets new connections after all.
        let mut last = model(&["10.244.0.2:80"], None, None);
        last[0].draining.insert(old);
        assert_eq!(
            steps(&ending, &last),
            [
                Step::ChangeReal(server, old, 1),
                Step::RemoveReal(server, new)
            ]
        );
    }
}
