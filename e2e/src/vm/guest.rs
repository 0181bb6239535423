//! A virtual machine as a node of a test's network: Debian's kernel and containerd, and our skiff.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::initrd::Initrd;
use super::machine::{Machine, Setup};
use super::root;
use crate::artifacts::skiff_binary;
use crate::command::output;
use crate::namespace::Namespace;
use crate::net::TestNet;
use crate::terminal::Terminal;
use crate::wait::eventually;

/// What a node's kernel needs: containers, bridges, tunnels, IPVS, nftables and iptables, and NFS of both sides.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_console",
    "overlay",
    "veth",
    "bridge",
    "br_netfilter",
    "dummy",
    "ip_vs",
    "ip_vs_rr",
    "ip_vs_wrr",
    "ip_vs_lc",
    "ip_vs_sh",
    "nf_conntrack_netlink",
    "nf_tables",
    "nfs",
    "nfsd",
    "nfsv4",
    "nft_chain_nat",
    "nft_compat",
    "nft_ct",
    "nft_fib_inet",
    "nft_hash",
    "nft_masq",
    "nft_nat",
    "nft_numgen",
    "nft_redir",
    "nft_reject_inet",
    "nft_reject_ipv4",
    "vxlan",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_comment",
    "xt_conntrack",
    "xt_ipvs",
    "xt_mark",
    "xt_multiport",
    "xt_nat",
    "xt_tcpudp",
];

const MEMORY_MIB: u32 = 2048;
const BOOT: Duration = Duration::from_secs(90);
/// An emulated processor is some ten times slower than the host's.
const READY_WITHIN_S: u64 = 240;
const AGENT: u16 = 1023;
const DATA_DIR: &str = "/var/lib/skiff";

/// A node in a virtual machine. It is also a [`Terminal`] beside it, on the test's network, with
/// the cluster's kubeconfig.
#[derive(Debug)]
pub struct Guest<'net> {
    // Ends first: the tap that it holds is the network's.
    machine: Machine,
    net: &'net TestNet,
    name: String,
    address: Ipv4Addr,
    terminal: Terminal,
    kubeconfig: PathBuf,
}

impl<'net> Guest<'net> {
    /// Boots a machine on `net`; skiff is in it, and not started.
    pub fn boot(net: &'net TestNet) -> Result<Self> {
        let number = net.next_node();
        let address = net.node_address(number);
        let name = format!("node-{number}");
        let home = net.dir().join(&name);
        fs::create_dir_all(&home)?;
        let kubeconfig = home.join("kubeconfig");
        let terminal = Terminal::new(net.router(), &home, &kubeconfig)?;
        let initrd = Initrd::new(include_str!("../../vm/node-initrd.sh"), MODULES)?;
        let gateway = net.gateway();
        let mut machine = Machine::boot(Setup {
            initrd: initrd.finish(),
            arguments: format!("name={name} address={address} gateway={gateway}"),
            memory_mib: MEMORY_MIB,
            disk: None,
            files: vec![root::disk()?, skiff_disk(&home)?],
            tap: Some((net.router(), net.tap(number)?)),
        })?;
        machine.line_after("agent:", BOOT)?;
        Ok(Self {
            machine,
            net,
            name,
            address,
            terminal,
            kubeconfig,
        })
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the test's network.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Runs shell lines inside the machine and returns what they print; fails if the last does.
    pub fn inside(&self, lines: &str) -> Result<String> {
        let agent = SocketAddr::from((self.address, AGENT));
        let said = eventually("the machine's agent", 20, || {
            ask(
                self.net.router(),
                agent,
                &format!("{{ {lines}\n}} 2>&1\necho \"ended: $?\"\n"),
            )
        })?;
        let (said, status) = said
            .rsplit_once("ended: ")
            .with_context(|| format!("`{lines}` did not end in the machine: {said}"))?;
        ensure!(status.trim() == "0", "`{lines}` in the machine: {said}");
        Ok(said.to_owned())
    }

    /// Starts `skiff up` with these flags added, and waits until it says that it is ready.
    pub fn up(&mut self, flags: &[&str]) -> Result<()> {
        self.run(&format!("up {}", flags.join(" ")))?;
        let kubeconfig = self.inside(&format!("cat {DATA_DIR}/kubeconfig"))?;
        fs::write(&self.kubeconfig, self.reached_from_outside(&kubeconfig))?;
        Ok(())
    }

    /// Makes it a machine that joins the cluster of `server`, and waits until it is ready.
    pub fn join(&mut self, server: &Guest<'_>) -> Result<()> {
        let token = server.inside("skiff token create")?;
        let server = server.address;
        self.run(&format!(
            "agent --server=https://{server}:6443 --token={}",
            token.trim()
        ))
    }

    fn run(&self, subcommand: &str) -> Result<()> {
        let mirror = format!("docker.io={}", self.net.registry_url());
        self.inside(&format!(
            "setsid skiff {subcommand} --node-ip={} --registry-mirror={mirror} \
             < /dev/null > /var/log/skiff.log 2>&1 & echo $! > /run/skiff-started",
            self.address,
        ))?;
        let state = eventually("skiff to be ready in the machine", READY_WITHIN_S, || {
            self.inside(
                "if grep -q 'skiff is ready in' /var/log/skiff.log; then echo ready; exit_with=0
                 elif kill -0 $(cat /run/skiff-started); then exit_with=1
                 else echo ended; exit_with=0; fi; (exit $exit_with)",
            )
        });
        let ready = state.as_ref().is_ok_and(|state| state.trim() == "ready");
        ensure!(ready, "{state:?}\n{}", self.log());
        Ok(())
    }

    /// Everything skiff printed, and the console's last lines.
    pub fn log(&self) -> String {
        let log = self.inside("cat /var/log/skiff.log");
        let log = log.unwrap_or_else(|error| format!("{error:#}"));
        format!("{log}\nThe console:\n{}", self.machine.last_words())
    }

    /// The kubeconfig with the machine's own address for whatever address skiff wrote.
    fn reached_from_outside(&self, kubeconfig: &str) -> String {
        let lines = kubeconfig
            .lines()
            .map(|line| match line.split_once("server: ") {
                Some((indent, _)) => format!("{indent}server: https://{}:6443\n", self.address),
                None => format!("{line}\n"),
            });
        lines.collect()
    }
}

impl Deref for Guest<'_> {
    type Target = Terminal;

    fn deref(&self) -> &Terminal {
        &self.terminal
    }
}

fn ask(from: &Namespace, agent: SocketAddr, script: &str) -> Result<String> {
    from.run(|| {
        let mut stream = TcpStream::connect_timeout(&agent, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(script.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    })
}

/// A small disk with the binary under test, so that the root disk can be kept.
fn skiff_disk(home: &Path) -> Result<PathBuf> {
    let folder = home.join("skiff-disk");
    fs::create_dir_all(&folder)?;
    let binary = folder.join("skiff");
    // Without its debug information, which is most of it.
    output(
        Command::new("strip")
            .arg("-o")
            .arg(&binary)
            .arg(skiff_binary()?),
    )?;
    let disk = home.join("skiff.ext4");
    root::format(
        &disk,
        fs::metadata(&binary)?.len() / (1 << 20) + 16,
        Some(&folder),
    )?;
    Ok(disk)
}
