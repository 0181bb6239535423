//! A small network without an uplink: a router with the image registry, and a bridge for nodes.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result};

use crate::cache::remove;
use crate::namespace::Namespace;
use crate::processes::{end_all, namespaces_below, unmount_below};
use crate::registry::Registry;

/// The network of one test: `172.30.N.0/24`, the router at `.1`, nodes from `.2` on.
///
/// `N` is a number that no other running test has, so that tests run side by side.
#[derive(Debug)]
pub struct TestNet {
    // In the order of their end: the registry's process before the namespace that it runs in.
    registry: Registry,
    router: Namespace,
    number: u8,
    dir: PathBuf,
    nodes: AtomicU8,
    _reserved: File,
}

impl TestNet {
    /// Makes the network and starts its registry, which has every test image.
    pub fn new() -> Result<Self> {
        let (number, reserved) = reserve()?;
        let name = format!("skiff-e2e-{number}");
        let dir = std::env::temp_dir().join(&name);
        clear(&dir)?;
        Namespace::remove_all(&format!("{name}-"))?;
        fs::create_dir_all(&dir)?;
        let router = Namespace::create(&format!("{name}-router"))?;
        router.ip("link add br0 type bridge forward_delay 0")?;
        router.ip(&format!("address add 172.30.{number}.1/24 dev br0"))?;
        router.ip("link set br0 up")?;
        let registry = Registry::start(&router, &dir)?;
        Ok(Self {
            registry,
            router,
            number,
            dir,
            nodes: AtomicU8::new(0),
            _reserved: reserved,
        })
    }

    /// The namespace in the middle.
    pub fn router(&self) -> &Namespace {
        &self.router
    }

    /// The address that nodes have as their gateway.
    pub fn gateway(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// What `--registry-mirror` gets for `docker.io`.
    pub fn registry_url(&self) -> String {
        format!("http://{}:{}", self.gateway(), self.registry_port())
    }

    /// The registry's port on the router.
    pub(crate) fn registry_port(&self) -> u16 {
        self.registry.port()
    }

    /// A number for a machine, from 1 on.
    pub(crate) fn next_node(&self) -> u8 {
        self.nodes.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The test's own folder, removed at its end.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The address of the node with this number.
    pub(crate) fn node_address(&self, node: u8) -> Ipv4Addr {
        self.address(node + 1)
    }

    /// Makes a namespace that is linked to the bridge, with `address` and the default route.
    pub(crate) fn attach(&self, node: u8) -> Result<Namespace> {
        let name = format!("skiff-e2e-{}-node-{node}", self.number);
        let namespace = Namespace::create(&name)?;
        self.router.ip(&format!(
            "link add node{node} type veth peer name eth0 netns {name}"
        ))?;
        self.router
            .ip(&format!("link set node{node} master br0 up"))?;
        namespace.ip(&format!(
            "address add {}/24 dev eth0",
            self.node_address(node)
        ))?;
        namespace.ip("link set eth0 up")?;
        namespace.ip(&format!("route add default via {}", self.gateway()))?;
        Ok(namespace)
    }

    /// Takes away the link of [`Self::attach`]; its other end goes with it.
    pub(crate) fn detach(&self, node: u8) -> Result<()> {
        self.router.ip(&format!("link del node{node}"))?;
        Ok(())
    }

    /// Makes a tap on the bridge for the virtual machine with this number, and returns its name.
    pub(crate) fn tap(&self, node: u8) -> Result<String> {
        let tap = format!("tap{node}");
        self.router.ip(&format!("tuntap add dev {tap} mode tap"))?;
        self.router.ip(&format!("link set {tap} master br0 up"))?;
        Ok(tap)
    }

    fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(172, 30, self.number, host)
    }
}

impl Drop for TestNet {
    fn drop(&mut self) {
        if let Err(error) = clear(&self.dir) {
            eprintln!("cannot clean {}: {error:#}", self.dir.display());
        }
    }
}

/// Takes the first number that no running test holds; the lock ends with the process.
fn reserve() -> Result<(u8, File)> {
    let dir = Path::new("/run/lock/skiff-e2e");
    fs::create_dir_all(dir)?;
    for number in 1..=254 {
        let file = File::create(dir.join(number.to_string()))?;
        if file.try_lock().is_ok() {
            return Ok((number, file));
        }
    }
    None.context("all 254 test networks are in use")
}

/// Ends and removes what stands below a test's folder.
fn clear(dir: &Path) -> Result<()> {
    end_all(&namespaces_below(dir), Some(dir))?;
    unmount_below(dir);
    remove(dir)
}
