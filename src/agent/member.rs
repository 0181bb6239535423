//! A machine that joined, as the cluster knows it: by certificates, which it renews while it runs, and at the API servers that
//! there are.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use kube::Client;
use parking_lot::Mutex;
use skiff_client::{Failover, Server};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::join::{self, Joined};
use crate::config::NodeSettings;
use crate::kubeconfig::{self, Cluster};
use crate::pki::Shown;

/// As many API servers are remembered, those that live first.
const REMEMBERED: usize = 8;

/// A machine that joined.
pub(super) struct Member {
    node: NodeSettings,
    cluster: Mutex<Cluster>,
    ca_pem: String,
    failover: Failover,
    serving: Arc<Shown>,
    /// From when on the certificates of this start are to be replaced.
    due: SystemTime,
}

impl Member {
    pub(super) async fn new(node: &NodeSettings, joined: Joined) -> anyhow::Result<Self> {
        Ok(Self {
            node: node.clone(),
            failover: Failover::new(connect(node).await?),
            serving: joined.pki.shown()?,
            due: joined.pki.due,
            ca_pem: joined.cluster.ca_pem.clone(),
            cluster: Mutex::new(joined.cluster),
        })
    }

    /// Where the API servers are, as their user reads it.
    pub(super) fn shown_servers(&self) -> String {
        self.cluster.lock().servers.join(", ")
    }

    pub(super) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A client that shows the newest certificate in each new connection, to a server that answers.
    pub(super) fn client(&self) -> Client {
        self.failover.client()
    }

    /// What the kubelet shows to its callers.
    pub(super) fn serving(&self) -> Arc<Shown> {
        Arc::clone(&self.serving)
    }

    /// Asks for new certificates if those of this start are due; says when the next ones are.
    pub(super) async fn renew_if_due(&self) -> anyhow::Result<SystemTime> {
        match self.due <= SystemTime::now() {
            true => self.renew().await,
            false => Ok(self.due),
        }
    }

    /// Asks for new certificates, and shows them from now on; says when they are due.
    pub(super) async fn renew(&self) -> anyhow::Result<SystemTime> {
        let renewed = join::renew(&self.client(), &self.node).await?;
        renewed.show_by(&self.serving)?;
        join::keep_kubeconfig(&self.node, &self.cluster.lock())?;
        self.failover.replace(connect(&self.node).await?);
        Ok(renewed.due)
    }

    /// Remembers which API servers there are, until `shutdown`: when one is lost, the machine asks another.
    pub(super) async fn follow(
        &self,
        mut live: watch::Receiver<BTreeSet<SocketAddr>>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        while let Some(Ok(())) = shutdown.run_until_cancelled(live.changed()).await {
            let now = live.borrow_and_update().clone();
            if let Err(error) = self.remember(&now).await {
                let error = format!("{error:#}");
                tracing::warn!(error, "where the API servers are is not remembered");
            }
        }
        Ok(())
    }

    async fn remember(&self, live: &BTreeSet<SocketAddr>) -> anyhow::Result<()> {
        let mut cluster = self.cluster.lock().clone();
        let servers = remembered(&cluster.servers, live);
        if servers == cluster.servers {
            return Ok(());
        }
        cluster.servers = servers;
        join::keep_kubeconfig(&self.node, &cluster)?;
        self.failover.replace(connect(&self.node).await?);
        // Last, so that what fails is done anew at the next change.
        *self.cluster.lock() = cluster;
        Ok(())
    }
}

/// Those that live, in the order that they were known in, then the others.
fn remembered(known: &[String], live: &BTreeSet<SocketAddr>) -> Vec<String> {
    let live: Vec<String> = live.iter().map(|it| format!("https://{it}")).collect();
    let is_known = |server: &&String| known.contains(server);
    let (still, gone): (Vec<_>, Vec<_>) = known.iter().partition(|server| live.contains(server));
    let new = live.iter().filter(|server| !is_known(server));
    let all = still.into_iter().chain(new).chain(gone);
    all.take(REMEMBERED).cloned().collect()
}

/// The ways to the servers by the kubeconfig as it is now.
async fn connect(node: &NodeSettings) -> anyhow::Result<Vec<Server>> {
    let file = node.data_dir.join(kubeconfig::NODE);
    Ok(skiff_client::servers_of(&file, "kubelet").await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_live_come_first_and_others_are_not_forgotten() {
        let url = |host: usize| format!("https://192.0.2.{host}:6443");
        let urls = |hosts: &[usize]| -> Vec<String> { hosts.iter().map(|it| url(*it)).collect() };
        let live = |hosts: &[usize]| -> BTreeSet<SocketAddr> {
            let place = |host| format!("192.0.2.{host}:6443").parse().expect("an address");
            hosts.iter().map(place).collect()
        };
        for (known, living, expected) in [
            (&[1][..], &[1][..], &[1][..]),
            (&[2], &[1, 2, 3], &[2, 1, 3]),
            (&[2, 1, 3], &[1, 3], &[1, 3, 2]),
            (&[1, 3, 2], &[2], &[2, 1, 3]),
            (&[9], &[1, 2, 3, 4, 5, 6, 7, 8], &[1, 2, 3, 4, 5, 6, 7, 8]),
        ] {
            assert_eq!(remembered(&urls(known), &live(living)), urls(expected));
        }
    }
}
