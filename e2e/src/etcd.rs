//! Debian's etcd, on machines of the test.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};

use crate::namespace::Namespace;
use crate::net::TestNet;
use crate::node::Node;

/// The address of a member's clients.
fn url(address: Ipv4Addr) -> String {
    format!("http://{address}:2379")
}

/// A member of an etcd, ended on drop.
#[derive(Debug)]
pub struct Etcd {
    process: Child,
}

/// A member to be started.
struct Member<'a> {
    name: &'a str,
    address: Ipv4Addr,
    namespace: &'a Namespace,
    dir: &'a Path,
}

impl Etcd {
    /// Where clients of [`Self::in_the_middle`] find it.
    pub fn url_in_the_middle(net: &TestNet) -> String {
        url(net.gateway())
    }

    /// Starts an etcd of one member on the router of the network.
    pub fn in_the_middle(net: &TestNet) -> Result<Self> {
        let member = Member {
            name: "router",
            address: net.gateway(),
            namespace: net.router(),
            dir: net.dir(),
        };
        member.start(&member.peer())
    }

    /// Where clients find the members of the machines with these numbers on the network, those of the first one first.
    pub fn urls(net: &TestNet, machines: &[u8]) -> String {
        let urls = machines
            .iter()
            .map(|machine| url(net.node_address(*machine)));
        urls.collect::<Vec<_>>().join(",")
    }

    /// Starts an etcd that has a member on each of the machines.
    pub fn on(machines: &[Node]) -> Result<Vec<Self>> {
        let members = || {
            machines.iter().map(|machine| Member {
                name: machine.name(),
                address: machine.address(),
                namespace: machine.namespace(),
                dir: machine.home(),
            })
        };
        let peers: Vec<String> = members().map(|member| member.peer()).collect();
        let all = peers.join(",");
        members().map(|member| member.start(&all)).collect()
    }
}

impl Member<'_> {
    fn peer(&self) -> String {
        format!("{}=http://{}:2380", self.name, self.address)
    }

    fn start(&self, all: &str) -> Result<Etcd> {
        fs::create_dir_all(self.dir)?;
        let (clients, peers) = (url(self.address), format!("http://{}:2380", self.address));
        let log = File::create(self.dir.join("etcd.log"))?;
        let process = self
            .namespace
            .command("etcd")
            .arg(format!("--name={}", self.name))
            .arg(format!("--data-dir={}", self.dir.join("etcd").display()))
            .arg(format!("--listen-client-urls={clients}"))
            .arg(format!("--advertise-client-urls={clients}"))
            .arg(format!("--listen-peer-urls={peers}"))
            .arg(format!("--initial-advertise-peer-urls={peers}"))
            .arg(format!("--initial-cluster={all}"))
            // On a busy machine its leader is late at times, and is not to be taken for lost.
            .args(["--heartbeat-interval=200", "--election-timeout=2000"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start etcd (the Debian package etcd-server)")?;
        Ok(Etcd { process })
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
