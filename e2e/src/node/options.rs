//! A machine to be started: what `skiff` is told there.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::Node;
use crate::net::TestNet;
use crate::terminal::Terminal;

/// A machine to be started.
#[derive(Debug)]
pub struct NodeOptions<'net> {
    net: &'net TestNet,
    number: u8,
    flags: Vec<String>,
    joins: Option<[String; 2]>,
}

impl<'net> NodeOptions<'net> {
    pub(crate) fn new(net: &'net TestNet, number: u8) -> Self {
        Self {
            net,
            number,
            flags: Vec::new(),
            joins: None,
        }
    }

    /// Makes it a machine that joins the cluster of `server` by `token`: `skiff agent` instead of `skiff up`.
    pub fn joining(mut self, server: &Node, token: &str) -> Self {
        let server = format!("--server=https://{}:6443", server.address());
        self.joins = Some([server, format!("--token={}", token.trim())]);
        self
    }

    /// Adds a flag to `skiff up`, such as `--proxy-mode=nftables`; `{gateway}` in it is the router's address, `{home}` the
    /// machine's home folder.
    pub fn flag(mut self, flag: &str) -> Self {
        let gateway = self.net.gateway().to_string();
        let home = self.home().display().to_string();
        let flag = flag.replace("{gateway}", &gateway);
        self.flags.push(flag.replace("{home}", &home));
        self
    }

    /// Adds such flags.
    pub fn flags(self, flags: &[String]) -> Self {
        flags.iter().fold(self, |node, flag| node.flag(flag))
    }

    fn name(&self) -> String {
        format!("node-{}", self.number)
    }

    fn home(&self) -> PathBuf {
        self.net.dir().join(self.name())
    }

    /// Makes the machine, without starting skiff on it.
    pub fn prepare(self) -> Result<Node> {
        let (name, home) = (self.name(), self.home());
        fs::create_dir_all(&home)?;
        let data_dir = home.join("data");
        let kubeconfig = home.join("kubeconfig");
        let namespace = self.net.attach(self.number)?;
        let terminal = Terminal::new(&namespace, &home, &kubeconfig)?;
        let address = self.net.node_address(self.number);
        let mut flags = vec![
            format!("--data-dir={}", data_dir.display()),
            format!("--node-name={name}"),
            format!("--node-ip={address}"),
            format!("--registry-mirror=docker.io={}", self.net.registry_url()),
        ];
        flags.extend(self.flags);
        let subcommand = match self.joins {
            Some(joining) => {
                flags.extend(joining);
                "agent"
            }
            None => {
                flags.push(format!("--kubeconfig={}", kubeconfig.display()));
                "up"
            }
        };
        Ok(Node {
            subcommand,
            number: self.number,
            name,
            address,
            flags,
            log: home.join("skiff.log"),
            home,
            data_dir,
            terminal,
            process: None,
            namespace,
        })
    }

    /// Makes the machine, runs `skiff up` on it and waits until it says that it is ready.
    pub fn start(self) -> Result<Node> {
        let mut node = self.prepare()?;
        node.up()?;
        Ok(node)
    }
}
