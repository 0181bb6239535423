//! What every controller is given.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use skiff_api::UserInfo;
use skiff_client::{
    Clients, Index, Informer, Informers, Next, Recorder, RecorderWorker, Watched, WorkQueue,
    reconcile_queue, recorder,
};
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::ownership::Owned;
use crate::pods::node_of;
use crate::service_pods::Services;

/// How long a reconciliation waits for the cache to show its own write; a watch that is broken for longer must not hold a worker.
const CATCH_UP: Duration = Duration::from_secs(10);

/// Who speaks where no controller has a ServiceAccount of its own.
const MANAGER: &str = "system:kube-controller-manager";
/// The groups of the controllers' ServiceAccounts.
const GROUPS: [&str; 3] = [
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
    "system:authenticated",
];

/// What every controller is given. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    /// Speaks as the controller.
    pub(crate) client: Client,
    clients: Clients,
    pub(crate) informers: Informers,
    pub(crate) config: Arc<Config>,
    pub(crate) shutdown: CancellationToken,
    /// All Pods, by their controller; ReplicaSets and StatefulSets share the index.
    pub(crate) pods: Owned<Pod>,
    /// All Pods, by the node they are bound to.
    pub(crate) pods_on: Index<Pod>,
    /// All ReplicaSets, by their Deployment.
    pub(crate) replica_sets: Owned<ReplicaSet>,
    /// All Services, and the Pods that each selects.
    pub(crate) services: Services,
}

impl Context {
    pub(crate) fn new(
        config: Config,
        clients: Clients,
        informers: Informers,
        shutdown: CancellationToken,
    ) -> Self {
        let pods: Owned<Pod> = Owned::new(informers.all());
        let pods_on = pods
            .all
            .index(|pod| node_of(pod).map(str::to_owned).into_iter().collect());
        let replica_sets = Owned::new(informers.all());
        let services = Services::new(&informers);
        Self {
            client: clients(UserInfo::new(MANAGER, ["system:authenticated"])),
            clients,
            informers,
            config: Arc::new(config),
            shutdown,
            pods,
            pods_on,
            replica_sets,
            services,
        }
    }

    /// The context of a controller that speaks as a ServiceAccount of `kube-system`, and has its rights alone.
    pub(crate) fn speaking_as(&self, account: &str) -> Self {
        Self {
            client: self.client_of(account),
            ..self.clone()
        }
    }

    /// A client that speaks as a ServiceAccount of `kube-system`.
    pub(crate) fn client_of(&self, account: &str) -> Client {
        let name = format!("system:serviceaccount:kube-system:{account}");
        (self.clients)(UserInfo::new(name, GROUPS))
    }

    /// Waits until `informer` shows `written`, so that the next plan knows of this write.
    pub(crate) async fn caught_up<K: Watched>(&self, informer: &Informer<K>, written: &K) {
        let shown = tokio::time::timeout(CATCH_UP, informer.caught_up(written));
        let _ = self.shutdown.run_until_cancelled(shown).await;
    }

    /// Who tells events in the name of `component`.
    pub(crate) fn recorder(&self, component: &str) -> (Recorder, RecorderWorker) {
        recorder(self.client.clone(), component, None)
    }

    /// Reconciles keys of `queue` until shutdown, once `ready` has ended (the caches are filled).
    pub(crate) async fn reconcile<T, F, R>(
        &self,
        name: &'static str,
        ready: impl Future<Output = ()>,
        queue: WorkQueue<T>,
        workers: usize,
        reconcile: F,
    ) -> anyhow::Result<()>
    where
        T: Clone + std::fmt::Display + Eq + std::hash::Hash + Send + 'static,
        F: Fn(T) -> R,
        R: Future<Output = anyhow::Result<Next>> + Send + 'static,
    {
        if self.shutdown.run_until_cancelled(ready).await.is_none() {
            return Ok(());
        }
        reconcile_queue(name, queue, workers, self.shutdown.clone(), reconcile).await
    }
}
