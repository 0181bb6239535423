//! What has lost its owners goes, over every resource that discovery lists
//! (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/>).
//!
//! ```text
//!   metadata watches ──► Graph (who owns whom) ──uid──► WorkQueue ──► plan: owners seen ─► verdict ──► reconcile
//! ```

mod graph;
mod plan;
mod reconcile;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use skiff_client::WorkQueue;
use tokio::sync::watch;

use crate::context::Context;
use crate::resources::{Deletions, Resource, Seen, discover, watch as watch_resources};
use graph::{Graph, Uid};
use reconcile::Reconciler;

/// Objects that are looked at at a time.
const WORKERS: usize = 10;
/// Between attempts to learn which resources there are.
const DISCOVERY_RETRY: Duration = Duration::from_secs(1);

/// Collects garbage until shutdown; tells `deletions` of every object that goes.
pub(crate) async fn run(context: Context, deletions: Deletions) -> anyhow::Result<()> {
    let Some(resources) = context
        .shutdown
        .run_until_cancelled(resources(&context))
        .await
    else {
        return Ok(());
    };
    let graph = Arc::new(Mutex::new(Graph::default()));
    let queue: WorkQueue<Uid> = WorkQueue::new();
    let listed = watch::channel(HashSet::new()).0;
    let mut all_listed = listed.subscribe();
    let count = resources.len();

    let feed = Feed {
        graph: graph.clone(),
        queue: queue.clone(),
        deletions,
        listed: Arc::new(listed),
    };
    let handler = move |resource: &Arc<Resource>, seen| feed.take(resource, seen);
    let watching = watch_resources(
        context.client.clone(),
        resources.clone(),
        handler,
        context.shutdown.clone(),
    );

    // An owner that is not in the graph yet is not an absent owner.
    let ready = async move {
        let _ = all_listed.wait_for(|listed| listed.len() >= count).await;
    };
    let reconciler = Arc::new(Reconciler {
        client: context.client.clone(),
        resources,
        graph,
        queue: queue.clone(),
    });
    let work = context.reconcile("garbage-collector", ready, queue, WORKERS, move |uid| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(uid).await }
    });
    let (worked, watched) = tokio::join!(work, watching);
    worked.and(watched)
}

/// The resources to watch. Events own nothing, are owned by nothing and come in great numbers.
async fn resources(context: &Context) -> Vec<Arc<Resource>> {
    loop {
        match discover(&context.client).await {
            Ok(resources) => {
                let watched = resources
                    .into_iter()
                    .filter(|resource| resource.api.plural != "events");
                return watched.map(Arc::new).collect();
            }
            Err(error) => tracing::warn!(%error, "discovery failed, trying again"),
        }
        tokio::time::sleep(DISCOVERY_RETRY).await;
    }
}

/// Brings what watches see into the graph.
#[derive(Clone)]
struct Feed {
    graph: Arc<Mutex<Graph>>,
    queue: WorkQueue<Uid>,
    deletions: Deletions,
    /// The resources that were listed, by name.
    listed: Arc<watch::Sender<HashSet<String>>>,
}

impl Feed {
    fn take(&self, resource: &Arc<Resource>, seen: Seen) {
        let work = match seen {
            Seen::Applied(meta) => self.graph.lock().apply(resource, &meta),
            Seen::Gone(meta) => {
                self.deletions
                    .gone(meta.namespace.as_deref().unwrap_or_default());
                self.graph
                    .lock()
                    .remove(meta.uid.as_deref().unwrap_or_default())
            }
            Seen::Listed(metas) => {
                let work = self.graph.lock().replace(resource, &metas);
                self.deletions.some_gone();
                self.listed.send_modify(|listed| {
                    listed.insert(resource.display_name());
                });
                work
            }
        };
        work.into_iter().for_each(|uid| self.queue.add(uid));
    }
}
