//! IPAddresses of Services that somebody deletes are made again, as the repair loop of Kubernetes does.

use skiff_store::{Batch, Change, CommitError, Precondition, Snapshot, Store, Watch, WatchEnd};
use tokio_util::sync::CancellationToken;

use crate::codec::encode;
use crate::services::{ADDRESSES, Missing, all_missing, missing_again};

/// Makes them again until `shutdown`.
pub(super) async fn keep(store: &Store, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let snapshot = store.snapshot();
        let Ok(watch) = store.watch(ADDRESSES, snapshot.revision()) else {
            continue;
        };
        make_all(store, &snapshot).await;
        // Cancel-safe: the next round looks at everything itself.
        let end = tokio::select! {
            () = shutdown.cancelled() => return,
            end = follow(store, watch) => end,
        };
        if end == WatchEnd::Closed {
            return;
        }
    }
}

/// Makes all that are missing.
pub(super) async fn make_all(store: &Store, snapshot: &Snapshot) {
    for missing in all_missing(snapshot) {
        make(store, missing).await;
    }
}

async fn follow(store: &Store, mut watch: Watch) -> WatchEnd {
    loop {
        let changes = match watch.next().await {
            Ok(changes) => changes,
            Err(end) => return end,
        };
        for change in changes {
            if let Change::Delete { previous, .. } = &*change
                && let Some(missing) = missing_again(&store.snapshot(), previous)
            {
                make(store, missing).await;
            }
        }
    }
}

/// Unless its Service has changed meanwhile: then whoever changed it has seen to its address.
async fn make(store: &Store, missing: Missing) {
    let (service, revision) = missing.holder;
    let batch = Batch::create(missing.key, encode(&missing.object))
        .require(Precondition::AtRevision(service, revision));
    match store.commit(batch).await {
        Ok(_) | Err(CommitError::Precondition { .. }) => {}
        Err(error) => tracing::warn!(%error, "an IPAddress was not made again"),
    }
}
