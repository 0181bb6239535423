//! What the table holds for the policies of a cluster: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::selected::{Cluster, Pod};
use crate::model::Protocol;

/// The maps from a Pod's address to the chain that judges it, and the set of Pods that are judged at all.
pub(super) const INGRESS: &str = "ingress_pods";
pub(super) const EGRESS: &str = "egress_pods";
pub(super) const THEMSELVES: &str = "themselves";

/// The sets and chains of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) sets: BTreeMap<String, Set>,
    pub(super) chains: BTreeMap<String, Vec<String>>,
}

/// A set or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// As nft declares it: `set … { type …; }`, without the name.
    pub(super) declaration: (&'static str, String),
    /// By key; of a set the values are empty.
    pub(super) elements: BTreeMap<String, String>,
}

impl Content {
    /// What these policies mean for the Pods of `node`.
    pub(super) fn build(policies: &[&NetworkPolicy], cluster: &Cluster, node: &str) -> Self {
        let mut content = Self::default();
        for direction in [Direction::Ingress, Direction::Egress] {
            let judged = judged(policies, cluster, node, direction);
            for (address, policies) in judged {
                let chain = content.chain(&policies, cluster, direction);
                let verdict = ("map", "type ipv4_addr : verdict".to_owned());
                let value = format!("jump {chain}");
                content.element(direction.map(), verdict, address.clone(), value);
                let pairs = ("set", "type ipv4_addr . ipv4_addr".to_owned());
                let pair = format!("{address} . {address}");
                content.element(THEMSELVES, pairs, pair, String::new());
            }
        }
        content
    }

    fn element(
        &mut self,
        set: &str,
        declaration: (&'static str, String),
        key: String,
        value: String,
    ) {
        self.declare(set, declaration).insert(key, value);
    }

    fn declare(
        &mut self,
        set: &str,
        declaration: (&'static str, String),
    ) -> &mut BTreeMap<String, String> {
        let set = self.sets.entry(set.to_owned()).or_insert_with(|| Set {
            declaration,
            elements: BTreeMap::new(),
        });
        &mut set.elements
    }

    /// The chain that judges for several policies together: what one of them allows is allowed.
    fn chain(
        &mut self,
        policies: &[&NetworkPolicy],
        cluster: &Cluster,
        direction: Direction,
    ) -> String {
        let names: Vec<String> = policies.iter().map(|policy| key(policy)).collect();
        let name = format!("{}_{}", direction.name(), hash(&names.join(",")));
        if self.chains.contains_key(&name) {
            return name;
        }
        let mut rules = Vec::new();
        for policy in policies {
            self.allow(&mut rules, policy, cluster, direction);
        }
        rules.push("drop".to_owned());
        self.chains.insert(name.clone(), rules);
        name
    }

    fn allow(
        &mut self,
        rules: &mut Vec<String>,
        policy: &NetworkPolicy,
        cluster: &Cluster,
        direction: Direction,
    ) {
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        for (peers, ports) in direction.rules(policy.spec.as_ref()) {
            let peers: Vec<String> = match peers {
                [] => vec![String::new()],
                peers => {
                    let matched = |peer| self.peer(namespace, peer, cluster, direction);
                    peers.iter().filter_map(matched).collect()
                }
            };
            let ports: Vec<String> = match ports {
                [] => vec![String::new()],
                ports => ports.iter().map(|port| self.port(port, cluster)).collect(),
            };
            for peer in &peers {
                rules.extend(ports.iter().map(|port| format!("{peer}{port}return")));
            }
        }
    }

    /// What matches packets of a peer; nothing for addresses of IPv6.
    fn peer(
        &mut self,
        namespace: &str,
        peer: &NetworkPolicyPeer,
        cluster: &Cluster,
        direction: Direction,
    ) -> Option<String> {
        let end = direction.other_end();
        if let Some(block) = &peer.ip_block {
            return of_block(block, end);
        }
        let means = format!("{peer:?}");
        let name = format!("pods_{}", hash(&format!("{namespace} {means}")));
        let declaration = ("set", "type ipv4_addr".to_owned());
        let elements = self.declare(&name, declaration);
        let addresses = cluster.of_peer(namespace, peer).map(address);
        elements.extend(addresses.map(|address| (address, String::new())));
        Some(format!("{end} @{name} "))
    }

    /// What matches packets to a port; a name is that of whichever Pod gets them.
    fn port(&mut self, port: &NetworkPolicyPort, cluster: &Cluster) -> String {
        let protocol = Protocol::of(port.protocol.as_deref());
        match (&port.port, port.end_port) {
            (None, _) => format!("meta l4proto {protocol} "),
            (Some(IntOrString::Int(first)), Some(last)) => {
                format!("{protocol} dport {first}-{last} ")
            }
            (Some(IntOrString::Int(number)), None) => format!("{protocol} dport {number} "),
            (Some(IntOrString::String(name)), _) => {
                let set = format!("port_{protocol}_{}", hash(name));
                let declaration = ("set", "type ipv4_addr . inet_service".to_owned());
                let elements = self.declare(&set, declaration);
                for pod in &cluster.pods {
                    let named = pod
                        .ports
                        .iter()
                        .filter(|(of, speaks, _)| of == name && *speaks == protocol);
                    elements.extend(named.map(|(_, _, number)| {
                        (format!("{} . {number}", pod.address), String::new())
                    }));
                }
                format!("ip daddr . {protocol} dport @{set} ")
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }

    fn map(self) -> &'static str {
        match self {
            Direction::Ingress => INGRESS,
            Direction::Egress => EGRESS,
        }
    }

    fn other_end(self) -> &'static str {
        match self {
            Direction::Ingress => "ip saddr",
            Direction::Egress => "ip daddr",
        }
    }

    /// Whether a policy restricts it (networking/v1 NetworkPolicySpec.policyTypes).
    fn is_of(self, spec: &NetworkPolicySpec) -> bool {
        let types = spec.policy_types.iter().flatten();
        types
            .into_iter()
            .any(|of| of.eq_ignore_ascii_case(self.name()))
    }

    /// The peers and ports of each rule.
    fn rules(
        self,
        spec: Option<&NetworkPolicySpec>,
    ) -> Vec<(&[NetworkPolicyPeer], &[NetworkPolicyPort])> {
        let Some(spec) = spec else {
            return Vec::new();
        };
        match self {
            Direction::Ingress => {
                let rules = spec.ingress.iter().flatten();
                let both = rules.map(|rule| (listed(&rule.from), listed(&rule.ports)));
                both.collect()
            }
            Direction::Egress => {
                let rules = spec.egress.iter().flatten();
                let both = rules.map(|rule| (listed(&rule.to), listed(&rule.ports)));
                both.collect()
            }
        }
    }
}

fn listed<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// The Pods of the node that policies select, each with these policies.
fn judged<'a>(
    policies: &[&'a NetworkPolicy],
    cluster: &Cluster,
    node: &str,
    direction: Direction,
) -> BTreeMap<String, Vec<&'a NetworkPolicy>> {
    let mut judged: BTreeMap<String, Vec<&NetworkPolicy>> = BTreeMap::new();
    let sorted: BTreeMap<String, &NetworkPolicy> = policies
        .iter()
        .map(|policy| (key(policy), *policy))
        .collect();
    for policy in sorted.into_values() {
        let Some(spec) = policy.spec.as_ref().filter(|spec| direction.is_of(spec)) else {
            continue;
        };
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        // An absent selector is an empty one here: all Pods of the namespace.
        let everything = Default::default();
        let selector = spec.pod_selector.as_ref().unwrap_or(&everything);
        let selected = cluster.in_namespace(namespace, Some(selector));
        for pod in selected.filter(|pod| pod.node == node) {
            judged.entry(address(pod)).or_default().push(policy);
        }
    }
    judged
}

fn of_block(block: &IPBlock, end: &str) -> Option<String> {
    let is_v4 = |range: &&String| range.parse::<ipnet::Ipv4Net>().is_ok();
    let whole = Some(&block.cidr).filter(is_v4)?;
    let except: BTreeSet<&String> = block.except.iter().flatten().filter(is_v4).collect();
    let except: String = except
        .iter()
        .map(|range| format!("{end} != {range} "))
        .collect();
    Some(format!("{end} {whole} {except}"))
}

fn key(policy: &NetworkPolicy) -> String {
    let meta = &policy.metadata;
    let [namespace, name] =
        [&meta.namespace, &meta.name].map(|part| part.as_deref().unwrap_or_default());
    format!("{namespace}/{name}")
}

fn address(pod: &Pod) -> String {
    pod.address.to_string()
}

fn hash(of: &str) -> String {
    let mut hash = std::hash::DefaultHasher::new();
    hash.write(of.as_bytes());
    format!("{:016x}", hash.finish())
}
