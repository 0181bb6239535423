//! A machine that joined, as the cluster knows it: by certificates, which it renews while it runs.

use std::sync::Arc;
use std::time::SystemTime;

use kube::Client;
use skiff_client::Renewable;

use super::join::{self, Joined};
use crate::config::NodeSettings;
use crate::kubeconfig::{self, Cluster};
use crate::pki::Shown;

/// A machine that joined.
pub(super) struct Member {
    node: NodeSettings,
    cluster: Cluster,
    client: Renewable,
    serving: Arc<Shown>,
    /// From when on the certificates of this start are to be replaced.
    due: SystemTime,
}

impl Member {
    pub(super) async fn new(node: &NodeSettings, joined: Joined) -> anyhow::Result<Self> {
        Ok(Self {
            node: node.clone(),
            client: Renewable::new(connect(node).await?),
            serving: joined.pki.shown()?,
            due: joined.pki.due,
            cluster: joined.cluster,
        })
    }

    /// Where the API server is.
    pub(super) fn server(&self) -> &str {
        &self.cluster.server
    }

    pub(super) fn ca_pem(&self) -> &str {
        &self.cluster.ca_pem
    }

    /// A client that shows the newest certificate in each new connection.
    pub(super) fn client(&self) -> Client {
        self.client.client()
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
        let renewed = join::renew(&self.client(), &self.node, &self.cluster).await?;
        renewed.show_by(&self.serving)?;
        self.client.replace(connect(&self.node).await?);
        Ok(renewed.due)
    }
}

/// A client by the kubeconfig as it is now.
async fn connect(node: &NodeSettings) -> anyhow::Result<Client> {
    let file = node.data_dir.join(kubeconfig::NODE);
    Ok(skiff_client::from_kubeconfig(&file, "kubelet").await?)
}
