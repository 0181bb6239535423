//! The loop: take a Pod, place it, bind it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::Client;
use skiff_client::{Change, Informer, Informers, ObjectKey, recorder};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::event::Event;
use crate::queue::Queue;
use crate::scheduler::{Scheduler, wants_place};
use crate::volumes::Storage;

/// What the scheduler can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The `spec.schedulerName` of the Pods it places.
    pub scheduler_name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scheduler_name: "default-scheduler".to_owned(),
        }
    }
}

/// Bindings that are on their way to the API server at a time.
const BINDINGS: usize = 16;

/// Places Pods until `shutdown`.
///
/// # Errors
/// If a task of the scheduler panicked.
pub async fn run(
    config: Config,
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (pods, nodes) = (informers.all::<Pod>(), informers.all::<Node>());
    let namespaces = informers.all::<Namespace>();
    let (events, writer) = recorder(client.clone(), &config.scheduler_name, None);
    let scheduler = Arc::new(Scheduler {
        name: config.scheduler_name,
        client,
        pods: pods.clone(),
        storage: Storage::new(&informers),
        events,
        cache: Cache::default(),
        queue: Queue::default(),
        turn: AtomicUsize::new(0),
    });
    scheduler.follow(&pods, &nodes, &namespaces);
    // A Pod placed before all Nodes and Pods are known would be placed wrongly.
    let known = async {
        tokio::join!(
            nodes.ready(),
            pods.ready(),
            namespaces.ready(),
            scheduler.storage.ready()
        )
    };
    if shutdown.run_until_cancelled(known).await.is_none() {
        return Ok(());
    }
    let (placed, ()) = tokio::join!(scheduler.place_all(&shutdown), writer.run(shutdown.clone()));
    placed
}

impl Scheduler {
    /// Places one Pod at a time, so that each placement sees the ones before it; bindings run beside that.
    async fn place_all(self: &Arc<Self>, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let mut bindings = JoinSet::new();
        loop {
            tokio::select! {
                // All arms are cancel-safe: a key is taken, or a finished task is taken, or neither.
                key = self.queue.next(), if bindings.len() < BINDINGS => {
                    if let Some(binding) = self.schedule(&key).await {
                        let scheduler = self.clone();
                        bindings.spawn(async move { scheduler.bind(binding).await });
                    }
                }
                Some(ended) = bindings.join_next() => ended?,
                () = shutdown.cancelled() => break,
            }
        }
        while let Some(ended) = bindings.join_next().await {
            ended?;
        }
        Ok(())
    }

    fn follow(
        &self,
        pods: &Informer<Pod>,
        nodes: &Informer<Node>,
        namespaces: &Informer<Namespace>,
    ) {
        let (cache, queue) = (self.cache.clone(), self.queue.clone());
        nodes.on_change(move |change| {
            cache.node_changed(change);
            Event::of_node(change)
                .into_iter()
                .for_each(|event| queue.happened(event));
        });
        let cache = self.cache.clone();
        namespaces.on_change(move |change| cache.namespace_changed(change));
        let queue = self.queue.clone();
        self.storage
            .claims
            .on_change(move |_| queue.happened(Event::Storage));
        let queue = self.queue.clone();
        self.storage
            .volumes
            .on_change(move |_| queue.happened(Event::Storage));
        let queue = self.queue.clone();
        self.storage
            .classes
            .on_change(move |_| queue.happened(Event::Storage));
        let (cache, queue, name) = (self.cache.clone(), self.queue.clone(), self.name.clone());
        pods.on_change(move |change| {
            cache.pod_changed(change);
            Event::of_pod(change)
                .into_iter()
                .for_each(|event| queue.happened(event));
            let pod = change.object();
            match change {
                Change::Deleted(_) => queue.remove(&ObjectKey::of(&**pod)),
                _ if wants_place(pod, &name) => queue.add(pod.clone()),
                _ => queue.remove(&ObjectKey::of(&**pod)),
            }
        });
    }
}
