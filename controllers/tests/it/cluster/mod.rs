//! A control plane in this process.

mod actor;
mod pki;

use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use skiff_api::UserInfo;
use skiff_apiserver::ApiServer;
use skiff_client::{Informer, Informers, Watched, in_process};
use skiff_controllers::Config;
use skiff_store::{Options, SledEngine, SledOptions, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The API server, the controllers, and somebody who plays the scheduler and the kubelets.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    informers: Informers,
    events: Informer<Event>,
    tick: Arc<watch::Sender<u64>>,
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::with_grace(Duration::from_secs(40)).await
    }

    /// A cluster whose nodes are lost when they are silent for that long.
    pub(crate) async fn with_grace(node_monitor_grace: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = SledEngine::open(dir.path(), SledOptions::default()).unwrap();
        let store = Store::open(Box::new(engine), Options::default()).unwrap();
        let server = ApiServer::new(pki::apiserver_config(), store)
            .await
            .unwrap();
        let user =
            |name: &str, group: &str| in_process(server.service(), UserInfo::new(name, [group]));
        let client = user("admin", "system:masters");
        let shutdown = CancellationToken::new();
        let informers = Informers::new(client.clone(), shutdown.clone());
        let config = Config {
            node_monitor_grace,
            ..Config::new("10.244.0.0/16".parse().unwrap(), "PEM".to_owned())
        };
        let mut tasks = JoinSet::new();
        let service = server.service();
        tasks.spawn(skiff_controllers::run(
            config,
            Arc::new(move |user| in_process(service.clone(), user)),
            informers.clone(),
            shutdown.clone(),
        ));
        tasks.spawn(actor::run(
            client.clone(),
            informers.clone(),
            shutdown.clone(),
        ));
        let tick = Arc::new(watch::channel(0).0);
        Self {
            client,
            events: watch(&informers, &tick),
            informers,
            tick,
            tasks,
            shutdown,
            _dir: dir,
        }
    }

    /// Ends everything; fails if a controller had failed.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = tokio::time::timeout(PATIENCE, self.tasks.join_next())
            .await
            .unwrap()
        {
            ended.unwrap().unwrap();
        }
        self.informers.stopped().await;
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), "default")
    }

    /// Creates an object from JSON, in the namespace `default`.
    pub(crate) async fn create<K>(&self, object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.api()
            .create(&PostParams::default(), &object)
            .await
            .unwrap()
    }

    /// Merges JSON into an object of the namespace `default`.
    pub(crate) async fn patch<K>(&self, name: &str, patch: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned,
    {
        let patch = Patch::Merge(patch);
        self.api()
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap()
    }

    /// The cache of a kind; a change of it lets [`Cluster::until`] look again.
    pub(crate) fn watch<K: Watched>(&self) -> Informer<K> {
        watch(&self.informers, &self.tick)
    }

    /// Waits until `seen` sees it, woken by each change of what is watched.
    pub(crate) async fn until<T>(&self, what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
        let mut ticks = self.tick.subscribe();
        let waiting = async {
            loop {
                if let Some(found) = seen() {
                    return found;
                }
                ticks.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain until {what}\n{}", self.dump().await),
        }
    }

    /// What a person would ask for.
    async fn dump(&self) -> String {
        let pods = self.api::<Pod>().list(&Default::default()).await.unwrap();
        let pods = pods.items.iter().map(|pod| {
            format!(
                "pod {} {:?} deleted {:?}",
                pod.name_any(),
                pod.status,
                pod.metadata.deletion_timestamp
            )
        });
        pods.chain(self.messages()).collect::<Vec<_>>().join("\n")
    }

    /// Waits until users are told this: `reason: message`.
    pub(crate) async fn until_told(&self, expected: &str) {
        let told = || {
            self.messages()
                .iter()
                .any(|message| message == expected)
                .then_some(())
        };
        self.until(&format!("users are told {expected:?}"), told)
            .await;
    }

    /// `reason: message` of all events of the namespace `default`, the oldest first.
    fn messages(&self) -> Vec<String> {
        let mut events = self.events.list_in("default");
        events.sort_by_key(|event| event.first_timestamp.clone());
        let show = |event: &Arc<Event>| {
            format!(
                "{}: {}",
                event.reason.as_deref().unwrap(),
                event.message.as_deref().unwrap()
            )
        };
        events.iter().map(show).collect()
    }
}

fn watch<K: Watched>(informers: &Informers, tick: &Arc<watch::Sender<u64>>) -> Informer<K> {
    let informer = informers.all::<K>();
    let tick = tick.clone();
    informer.on_change(move |_| tick.send_modify(|tick| *tick += 1));
    informer
}

/// The names of objects, in order.
pub(crate) fn names<K: Watched>(objects: &[Arc<K>]) -> Vec<String> {
    let mut names: Vec<_> = objects.iter().map(|object| object.name_any()).collect();
    names.sort();
    names
}

/// The node that Pods are bound to; nobody is asked at its address, which is one for documentation.
pub(crate) const NODE: (&str, Ipv4Addr) = ("n1", Ipv4Addr::new(192, 0, 2, 1));
