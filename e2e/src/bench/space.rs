//! A Kubernetes namespace of a bench's own.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::client::ApiServer;

/// Bounds the wait for what controllers put into a new namespace: a bare API server has none.
const FURNISHED_WITHIN: Duration = Duration::from_secs(5);

/// A namespace with all that is in it.
#[derive(Debug)]
pub(super) struct Space {
    server: ApiServer,
    name: String,
}

impl Space {
    /// Makes a namespace whose name nobody else has, ready for Pods if the cluster has controllers.
    pub(super) async fn create(server: &ApiServer, bench: &str) -> Result<Self> {
        let name = format!("bench-{bench}-{:08x}", rand::random::<u32>());
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
        });
        let mut connection = server.connect().await?;
        connection
            .create("/api/v1/namespaces", namespace.to_string().into())
            .await?;
        let space = Self {
            server: server.clone(),
            name,
        };
        if !space.is_furnished_by_controllers().await {
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" },
            });
            let path = space.path("serviceaccounts");
            connection.create(&path, account.to_string().into()).await?;
        }
        Ok(space)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The path of a collection: `configmaps`, `pods`.
    pub(super) fn path(&self, resource: &str) -> String {
        format!("/api/v1/namespaces/{}/{resource}", self.name)
    }

    /// Deletes the namespace, and with it what is inside; the cluster does that in its own time.
    pub(super) async fn delete(self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.name);
        self.server.connect().await?.delete(&path).await
    }

    /// Waits for what a Pod needs in its namespace; whether it came.
    async fn is_furnished_by_controllers(&self) -> bool {
        let all = async {
            self.appears("serviceaccounts", "default").await?;
            self.appears("configmaps", "kube-root-ca.crt").await
        };
        let in_time = tokio::time::timeout(FURNISHED_WITHIN, all).await;
        matches!(in_time, Ok(Ok(())))
    }

    async fn appears(&self, resource: &str, object: &str) -> Result<()> {
        let path = format!(
            "{}?watch=true&fieldSelector=metadata.name%3D{object}",
            self.path(resource)
        );
        self.server
            .connect()
            .await?
            .watch(&path)
            .await?
            .next()
            .await?;
        Ok(())
    }
}
