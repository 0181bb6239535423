//! What has lost its owners goes, over every resource that discovery lists
//! (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/>).
//!
//! ```text
//!   metadata watches ──► Graph (who owns whom) ──uid──► WorkQueue ──► plan: owners seen ─► verdict ──► reconcile
//!         ▲     └─ a definition of a kind changed ─┐
//!         └──────────────── discovery ◄────────────┘
//! ```

mod feed;
mod graph;
mod plan;
mod reconcile;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use crate::context::Context;
use crate::resources::{Deletions, Resource, Seen, Watches, discover};
use feed::Feed;
use reconcile::{Known, Reconciler};

/// Objects that are looked at at a time.
const WORKERS: usize = 10;
/// Between attempts to learn which resources there are.
const DISCOVERY_RETRY: Duration = Duration::from_secs(1);
/// Between a changed definition and the look at what is served then: charts define many kinds at once.
const SETTLE: Duration = Duration::from_millis(200);

/// Collects garbage until shutdown; tells `deletions` of every object that goes.
pub(crate) async fn run(context: Context, deletions: Deletions) -> anyhow::Result<()> {
    let first = context.shutdown.run_until_cancelled(resources(&context));
    let Some(first) = first.await else {
        return Ok(());
    };
    let feed = Feed::new(deletions, &first);
    let taking = feed.clone();
    let mut watches = Watches::new(
        context.client.clone(),
        move |resource: &Arc<Resource>, seen| taking.take(resource, seen),
        context.shutdown.clone(),
    );
    watches.follow(first);
    let known = Arc::new(RwLock::new(watches.followed()));
    let reconciler = Arc::new(Reconciler {
        client: context.client.clone(),
        known: known.clone(),
        graph: feed.graph.clone(),
        queue: feed.queue.clone(),
    });
    let (ready, queue) = (feed.all_listed(), feed.queue.clone());
    let work = context.reconcile("garbage-collector", ready, queue, WORKERS, move |uid| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(uid).await }
    });
    let (worked, watched) = tokio::join!(work, follow(&context, watches, &feed, &known));
    worked.and(watched)
}

/// Keeps to what discovery lists, which changes with the definitions of kinds, until shutdown.
async fn follow<H>(
    context: &Context,
    mut watches: Watches<H>,
    feed: &Feed,
    known: &Known,
) -> anyhow::Result<()>
where
    H: Fn(&Arc<Resource>, Seen) + Clone + Send + Sync + 'static,
{
    loop {
        // Both arms are cancel-safe: a watch that ended was taken or not, and so was a notice.
        tokio::select! {
            ended = watches.ended() => return ended,
            () = feed.defined() => {}
        }
        let now = async {
            tokio::time::sleep(SETTLE).await;
            resources(context).await
        };
        let Some(now) = context.shutdown.run_until_cancelled(now).await else {
            return watches.ended().await;
        };
        for dropped in watches.follow(now) {
            feed.graph.lock().forget(&dropped);
        }
        *known.write() = watches.followed();
    }
}

/// The resources to watch. Events own nothing, are owned by nothing and come in great numbers.
async fn resources(context: &Context) -> Vec<Resource> {
    loop {
        match discover(&context.client).await {
            Ok(mut resources) => {
                resources.retain(|resource| resource.api.plural != "events");
                return resources;
            }
            Err(error) => tracing::warn!(%error, "discovery failed, trying again"),
        }
        tokio::time::sleep(DISCOVERY_RETRY).await;
    }
}
