//! What is made from the store and kept in step with it: read as a whole, then change by change.

use std::sync::Arc;

use skiff_store::{Change, Snapshot, Store, WatchEnd};
use tokio_util::sync::CancellationToken;

/// Something that is kept in step with all that stands below a prefix.
pub(crate) trait Follower {
    /// Takes over all that stands.
    fn read_all(&self, snapshot: &Snapshot) -> impl Future<Output = ()> + Send;

    /// Takes over changes, in their order.
    fn apply(&self, changes: &[Arc<Change>]) -> impl Future<Output = ()> + Send;
}

/// Keeps a follower in step until `shutdown`.
pub(crate) async fn follow(
    store: &Store,
    prefix: &str,
    follower: &impl Follower,
    shutdown: &CancellationToken,
) {
    let following = async {
        loop {
            let snapshot = store.snapshot();
            let Ok(mut watch) = store.watch(prefix, snapshot.revision()) else {
                continue;
            };
            follower.read_all(&snapshot).await;
            drop(snapshot);
            let end = loop {
                match watch.next().await {
                    Ok(changes) => follower.apply(&changes).await,
                    Err(end) => break end,
                }
            };
            if end == WatchEnd::Closed {
                return;
            }
        }
    };
    // Cancel-safe: who follows again reads all first.
    shutdown.run_until_cancelled(following).await;
}
