//! Walkthroughs of scenarios on both kinds of machines: a namespace of the host, and a virtual machine with a kernel of
//! its own. A test brings the cluster up and says on which machine it is.

mod corners;
mod reach;
mod resize;
mod resources;
mod scaling;
mod services;

use std::net::Ipv4Addr;
use std::ops::Deref;

use anyhow::Result;

use crate::node::Node;
use crate::terminal::Terminal;
use crate::vm::Guest;

pub use corners::{
    datagrams_follow_and_a_pod_reaches_itself, flushed_rules_come_back, one_port_two_addresses,
    serves,
};
pub use reach::pods_reach_each_other;
pub use resize::resources_change_in_place;
pub use resources::limits_are_cgroup_settings;
pub use scaling::{autoscale_on_real_use, drain_within_the_budget};
pub use services::{clusterip_in_turn, loadbalancer_at_the_node, nodeport};

/// A machine of a cluster, with a user beside it.
pub trait Host: Deref<Target = Terminal> {
    /// Its name in the cluster.
    fn name(&self) -> &str;

    /// Its address on the test's network.
    fn address(&self) -> Ipv4Addr;

    /// Types a line into a shell on the machine itself and returns what it prints; fails if the command does.
    fn inside(&self, line: &str) -> Result<String>;

    /// The page at `url`, as the machine itself gets it within five seconds.
    fn fetch(&self, url: &str) -> Result<String> {
        self.inside(&format!("wget -q -T 5 -t 1 -O - {url}"))
    }
}

impl Host for Node {
    fn name(&self) -> &str {
        self.name()
    }

    fn address(&self) -> Ipv4Addr {
        self.address()
    }

    fn inside(&self, line: &str) -> Result<String> {
        self.sh(line)
    }
}

impl Host for Guest<'_> {
    fn name(&self) -> &str {
        self.name()
    }

    fn address(&self) -> Ipv4Addr {
        self.address()
    }

    fn inside(&self, line: &str) -> Result<String> {
        self.inside(line)
    }
}
