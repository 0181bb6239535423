//! The Pod network of one node: a bridge by CNI, and one rule that masquerades what leaves the cluster.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ipnet::IpNet;
use serde_json::{Value, json};
use tokio::fs;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::config::cgroup_parent;
use super::host::search_path;
use super::host_port::{self, HostPortsError};
use super::layout::Layout;

/// The name of the file that containerd reads, and of the network in it.
const CONF_FILE: &str = "10-skiff.conflist";
const NETWORK: &str = "skiff";

/// The Pod network of this node: a bridge, and addresses from the node's podCIDR.
#[derive(Debug, Clone)]
pub struct CniConfig {
    /// The bridge's name: `cni0`.
    pub bridge: String,
    /// The addresses of this node's Pods: the Node's `spec.podCIDR`.
    pub pod_cidr: IpNet,
    /// The addresses of all Pods: what leaves them from here is masqueraded.
    pub cluster_cidr: IpNet,
    /// The Pods' MTU; the bridge plugin's choice if `None`.
    pub mtu: Option<u32>,
}

/// Why the Pod network could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum CniError {
    /// The configuration could not be written.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The `nft` program could not be run.
    #[error("run nft (Debian's package nftables)")]
    Nft(#[source] io::Error),
    /// The kernel or `nft` refused the masquerading rule.
    #[error("nft refused the masquerading rule: {0}")]
    Rule(String),
    /// The rules of host ports are still there.
    #[error(transparent)]
    HostPorts(#[from] HostPortsError),
}

impl CniConfig {
    /// The bridge's name, as users know it.
    pub const BRIDGE: &str = "cni0";

    /// The usual network of a node with this podCIDR.
    pub fn new(pod_cidr: IpNet, cluster_cidr: IpNet) -> CniConfig {
        CniConfig {
            bridge: Self::BRIDGE.to_owned(),
            pod_cidr,
            cluster_cidr,
            mtu: None,
        }
    }

    /// Puts the configuration where the containerd of `data_dir` reads it, and the masquerading rule into the kernel.
    /// [`Runtime::await_network`](crate::Runtime::await_network) tells when containerd has read it.
    pub async fn apply(&self, data_dir: &Path) -> Result<(), CniError> {
        let layout = Layout::new(data_dir);
        let dir = layout.cni_conf_dir();
        let path = dir.join(CONF_FILE);
        let content = format!("{:#}\n", self.conflist(&layout.cni_networks()));
        if fs::read_to_string(&path).await.ok().as_ref() != Some(&content) {
            replace(&dir, &path, &content)
                .await
                .map_err(|source| CniError::File { path, source })?;
        }
        load_rules(&self.masquerade(&table_name(data_dir))).await
    }

    /// Takes the masquerading rule of the cluster in `data_dir` out of the kernel, and the rules of host ports.
    pub async fn remove_rules(data_dir: &Path) -> Result<(), CniError> {
        let table = table_name(data_dir);
        let families = ["ip", "ip6"].map(|family| {
            // A table that is declared can be deleted, whether it was there or not.
            format!("table {family} {table} {{}}\ndelete table {family} {table}\n")
        });
        load_rules(&families.concat()).await?;
        host_port::remove(NETWORK).await?;
        Ok(())
    }

    /// The CNI configuration list: <https://www.cni.dev/docs/spec/>.
    ///
    /// The bridge plugin's own `ipMasq` stays off: it would hide a Pod's address from Pods of other nodes, and costs
    /// several runs of iptables for each Pod.
    fn conflist(&self, networks: &Path) -> Value {
        let any = match self.pod_cidr {
            IpNet::V4(_) => "0.0.0.0/0",
            IpNet::V6(_) => "::/0",
        };
        let mut bridge = json!({
            "type": "bridge",
            "bridge": self.bridge,
            "isGateway": true,
            "ipMasq": false,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": networks,
                "ranges": [[{"subnet": self.pod_cidr.trunc().to_string()}]],
                "routes": [{"dst": any}],
            },
        });
        if let Some(mtu) = self.mtu {
            bridge["mtu"] = json!(mtu);
        }
        json!({
            "cniVersion": "0.4.0",
            "name": NETWORK,
            "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": true}}],
        })
    }

    /// Pods keep their address towards Pods and towards this node, and take the node's towards everything else.
    fn masquerade(&self, table: &str) -> String {
        let family = match self.pod_cidr {
            IpNet::V4(_) => "ip",
            IpNet::V6(_) => "ip6",
        };
        let pods = self.pod_cidr.trunc();
        let cluster = self.cluster_cidr.trunc();
        let bridge = &self.bridge;
        // A table that is declared and then flushed can be loaded any number of times.
        format!(
            "table {family} {table} {{}}\n\
             flush table {family} {table}\n\
             table {family} {table} {{\n\
             \tchain postrouting {{\n\
             \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
             \t\t{family} saddr {pods} {family} daddr != {cluster} oifname != \"{bridge}\" masquerade\n\
             \t}}\n\
             }}\n"
        )
    }
}

/// The nftables table of this cluster: `skiff-1a2b3c4d-pods`.
fn table_name(data_dir: &Path) -> String {
    format!("{}-pods", cgroup_parent(data_dir).trim_start_matches('/'))
}

/// containerd looks at the folder when a file in it is written or renamed: the rename is in that same folder.
async fn replace(dir: &Path, path: &Path, content: &str) -> io::Result<()> {
    fs::create_dir_all(dir).await?;
    let unfinished = dir.join("unfinished");
    fs::write(&unfinished, content).await?;
    fs::rename(&unfinished, path).await
}

async fn load_rules(rules: &str) -> Result<(), CniError> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .env("PATH", search_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CniError::Nft)?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin
            .write_all(rules.as_bytes())
            .await
            .map_err(CniError::Nft)?;
    }
    let output = nft.wait_with_output().await.map_err(CniError::Nft)?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(CniError::Rule(complaint.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> CniConfig {
        CniConfig::new(
            "10.244.3.0/24".parse().unwrap(),
            "10.244.0.0/16".parse().unwrap(),
        )
    }

    #[test]
    fn addresses_come_from_the_nodes_own_range_and_are_kept_in_the_data_directory() {
        let list = config().conflist(Path::new("/d/cni/networks"));
        let bridge = &list["plugins"][0];
        assert_eq!(bridge["bridge"], "cni0");
        assert_eq!(bridge["isGateway"], true);
        assert_eq!(bridge["hairpinMode"], true);
        assert_eq!(bridge["ipMasq"], false);
        assert_eq!(bridge["ipam"]["ranges"][0][0]["subnet"], "10.244.3.0/24");
        assert_eq!(bridge["ipam"]["dataDir"], "/d/cni/networks");
        assert_eq!(bridge.get("mtu"), None);
        assert_eq!(list["plugins"][1]["type"], "portmap");
    }

    #[test]
    fn only_what_leaves_the_cluster_is_masqueraded() {
        let rules = config().masquerade("skiff-1-pods");
        assert!(rules.contains(
            "ip saddr 10.244.3.0/24 ip daddr != 10.244.0.0/16 oifname != \"cni0\" masquerade"
        ));
    }
}
