//! Debian's etcd, on machines of the test.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result};

use crate::command::{output, typed};
use crate::namespace::Namespace;
use crate::net::TestNet;
use crate::node::Node;

/// A new key and, for a day, the certificate of it.
const NEW: &str =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1";

/// A member of an etcd, ended on drop.
#[derive(Debug)]
pub struct Etcd {
    process: Child,
    flags: Vec<String>,
}

/// What a member and its clients show to each other: one certificate of an authority of their own.
struct Tls {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

impl Tls {
    fn new(dir: &Path, address: Ipv4Addr) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let [ca, cert, key] = ["ca.crt", "etcd.crt", "etcd.key"].map(|file| dir.join(file));
        let (ca_file, ca_key) = (ca.display(), dir.join("ca.key"));
        let ca_key = ca_key.display();
        let authority = format!("{NEW} -subj /CN=etcd-ca -keyout {ca_key} -out {ca_file}");
        output(&mut typed(&authority))?;
        let (cert_file, key_file) = (cert.display(), key.display());
        let certificate = format!(
            "{NEW} -subj /CN=etcd -keyout {key_file} -out {cert_file} -CA {ca_file} -CAkey {ca_key} \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:{address} \
             -addext extendedKeyUsage=serverAuth,clientAuth"
        );
        output(&mut typed(&certificate))?;
        Ok(Self { ca, cert, key })
    }

    /// The files as flags of these names.
    fn flags(&self, names: [&str; 3]) -> [String; 3] {
        let files = [&self.ca, &self.cert, &self.key];
        std::array::from_fn(|at| format!("--{}={}", names[at], files[at].display()))
    }
}

/// A member to be started.
struct Member<'a> {
    name: &'a str,
    address: Ipv4Addr,
    namespace: &'a Namespace,
    dir: &'a Path,
    /// Between it and its clients.
    tls: Option<&'a Tls>,
}

impl Etcd {
    /// Starts an etcd of one member on the router of the network, which listens to nobody without a certificate.
    pub fn in_the_middle(net: &TestNet) -> Result<Self> {
        let tls = Tls::new(&net.dir().join("etcd-tls"), net.gateway())?;
        let member = Member {
            name: "router",
            address: net.gateway(),
            namespace: net.router(),
            dir: net.dir(),
            tls: Some(&tls),
        };
        member.start(&member.peer())
    }

    /// The flags by which a control plane keeps its state there.
    pub fn flags(&self) -> &[String] {
        &self.flags
    }

    /// Where clients find the members of the machines with these numbers on the network, those of the first one first.
    pub fn urls(net: &TestNet, machines: &[u8]) -> String {
        let addresses = machines.iter().map(|machine| net.node_address(*machine));
        let urls = addresses.map(|address| format!("http://{address}:2379"));
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
                tls: None,
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
        let scheme = self.tls.map_or("http", |_| "https");
        let clients = format!("{scheme}://{}:2379", self.address);
        let peers = format!("http://{}:2380", self.address);
        let own = self
            .tls
            .map(|tls| tls.flags(["trusted-ca-file", "cert-file", "key-file"]));
        let theirs = self
            .tls
            .map(|tls| tls.flags(["etcd-cafile", "etcd-certfile", "etcd-keyfile"]));
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
            .args(own.into_iter().flatten())
            .args(self.tls.map(|_| "--client-cert-auth"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start etcd (the Debian package etcd-server)")?;
        let mut flags = vec![format!("--etcd-servers={clients}")];
        flags.extend(theirs.into_iter().flatten());
        Ok(Etcd { process, flags })
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
