//! The API server as others hold it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use skiff_store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::config::Config;
use crate::error::Error;
use crate::following::Follower;
use crate::{routes, serve, upkeep};

/// The Kubernetes API over a store. Cheap to clone.
#[derive(Clone)]
pub struct ApiServer {
    api: Arc<Api>,
    router: Router,
}

impl ApiServer {
    /// An API server over a store. Makes what every cluster has and sets right what depends on the configuration: the
    /// namespaces `default`, `kube-system`, `kube-public` and `kube-node-lease`, and the Service `default/kubernetes` with
    /// its endpoints, and the roles that everybody knows.
    ///
    /// # Errors
    /// When a certificate or a key is unusable, or the store takes no writes.
    pub async fn new(config: Config, store: Store) -> Result<Self, Error> {
        let api = Api::new(config, store)?;
        upkeep::complete(&api).await?;
        let snapshot = api.store.snapshot();
        api.authorizer.read_all(&snapshot).await;
        api.webhooks.read_all(&snapshot).await;
        api.definitions.read();
        let router = routes::router(&api);
        Ok(Self { api, router })
    }

    /// The service for callers in this process. They name themselves by a [`skiff_api::UserInfo`] extension of the request.
    pub fn service(&self) -> Router {
        self.router.clone()
    }

    /// From now on `/readyz` says no, so that nobody new comes; all that comes is served as before, until the end of
    /// [`Self::serve`].
    pub fn announce_end(&self) {
        self.api.ending.store(true, Ordering::Relaxed);
    }

    /// Serves TLS on a listener until `shutdown`; then ends watches, and gives what is under way a few seconds. Meanwhile
    /// events that are older than an hour are deleted, and what every cluster has is made again if it is deleted, as are
    /// the IPAddresses of Services.
    ///
    /// # Errors
    /// When the server's certificate or the clients' authorities are unusable.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let router = self.router.clone();
        let serving = async {
            let served = serve::run(&self.api.config, router, listener, shutdown.clone()).await;
            // Also what upkeep waits for ends now.
            self.api.kubelets.close().await;
            self.api.remotes.close().await;
            served
        };
        let keeping = upkeep::run(&self.api, &shutdown);
        let (served, ()) = tokio::join!(serving, keeping);
        served
    }
}
