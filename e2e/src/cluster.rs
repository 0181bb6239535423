//! A test's cluster: it comes up before the walkthrough, and explains itself when that fails.

use std::borrow::Borrow;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::Result;

use crate::dump::dump;
use crate::net::TestNet;
use crate::node::Node;

/// A cluster of one node on a network of its own. It is also a [`Node`], and so a
/// [`Terminal`](crate::Terminal) with its `kubectl`.
#[derive(Debug)]
pub struct Cluster {
    // The node ends before its network.
    node: Node,
    net: TestNet,
}

impl Cluster {
    /// Brings a cluster up, with these flags added to `skiff up`.
    pub fn start(flags: &[&str]) -> Result<Self> {
        let net = TestNet::new()?;
        let options = net.node();
        let options = flags
            .iter()
            .fold(options, |options, flag| options.flag(flag));
        let mut node = options.prepare()?;
        if let Err(error) = node.up() {
            dump(&node);
            return Err(error);
        }
        Ok(Self { node, net })
    }

    /// The machine loses its power and starts again, without skiff: no process, mount or interface of its own is left.
    pub fn reboot(&mut self) -> Result<()> {
        self.net.cut_power(&mut self.node)
    }

    /// The node itself.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The network around the node.
    pub fn net(&self) -> &TestNet {
        &self.net
    }
}

impl Deref for Cluster {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl DerefMut for Cluster {
    fn deref_mut(&mut self) -> &mut Node {
        &mut self.node
    }
}

/// Walks through `scenario` on a fresh cluster; if that fails, prints the cluster's state.
pub fn on_a_cluster(scenario: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    on_clusters(1, |clusters| scenario(&mut clusters[0]))
}

/// [`on_a_cluster`] before the cluster is brought up: on a fresh machine.
pub fn on_a_machine(scenario: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    on_a_machine_with(&[], scenario)
}

/// [`on_a_machine`] whose cluster will be brought up with these flags.
pub fn on_a_machine_with(
    flags: &[&str],
    scenario: impl FnOnce(&mut Cluster) -> Result<()>,
) -> Result<()> {
    let net = TestNet::new()?;
    let options = flags.iter().fold(net.node(), |node, flag| node.flag(flag));
    let node = options.prepare()?;
    on_each(vec![Cluster { node, net }], |clusters| {
        scenario(&mut clusters[0])
    })
}

/// [`on_a_cluster`] that was brought up with these flags.
pub fn on_a_cluster_with(
    flags: &[&str],
    scenario: impl FnOnce(&mut Cluster) -> Result<()>,
) -> Result<()> {
    on_each(vec![Cluster::start(flags)?], |clusters| {
        scenario(&mut clusters[0])
    })
}

/// [`on_a_cluster`] with `count` of them, apart from each other, on the same machine.
pub fn on_clusters(
    count: usize,
    scenario: impl FnOnce(&mut [Cluster]) -> Result<()>,
) -> Result<()> {
    let clusters = (0..count)
        .map(|_| Cluster::start(&[]))
        .collect::<Result<Vec<_>>>()?;
    on_each(clusters, scenario)
}

/// Walks through `scenario` on these machines; if that fails, prints what each of them says.
pub fn on_machines(
    machines: Vec<Node>,
    scenario: impl FnOnce(&mut [Node]) -> Result<()>,
) -> Result<()> {
    on_each(machines, scenario)
}

fn on_each<T: Borrow<Node>>(
    mut all: Vec<T>,
    scenario: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    let walked = catch_unwind(AssertUnwindSafe(|| scenario(&mut all)));
    if !matches!(walked, Ok(Ok(()))) {
        all.iter().for_each(|one| dump(one.borrow()));
    }
    walked.unwrap_or_else(|panic| resume_unwind(panic))
}

impl Borrow<Node> for Cluster {
    fn borrow(&self) -> &Node {
        &self.node
    }
}
