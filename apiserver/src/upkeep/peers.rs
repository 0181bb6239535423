//! The `kubernetes` Service leads to all API servers that live: this one says that it does, and looks whether the others do.

use std::future::pending;

use skiff_store::{Batch, Change, CommitError, Key, Revision, Watch, WatchEnd};
use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::bootstrap;
use crate::api::Api;
use crate::error::Error;
use crate::peers::PREFIX;

/// How often a Lease is renewed while it lasts.
const RENEWALS: u32 = 3;

/// Renews the Lease of this server and follows the others' until `shutdown`; then says that this one ends.
pub(super) async fn run(api: &Api, shutdown: CancellationToken) {
    if api.peers.lease().is_none() {
        return;
    }
    while !shutdown.is_cancelled() {
        let snapshot = api.store.snapshot();
        let Ok(watch) = api.store.watch(PREFIX, snapshot.revision()) else {
            continue;
        };
        api.peers.read(&snapshot);
        if follow(api, watch, &shutdown).await == WatchEnd::Closed {
            return;
        }
    }
    leave(api).await;
}

/// Returns when the watch ends, or at `shutdown` as if it had fallen behind.
async fn follow(api: &Api, mut watch: Watch, shutdown: &CancellationToken) -> WatchEnd {
    let mut renewal = time::interval(api.peers.lease().unwrap_or_default() / RENEWALS);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut published = Vec::new();
    let mut lost_leases = Vec::new();
    loop {
        let addresses = api.peers.addresses();
        if published != addresses && told(bootstrap::lead_to_servers(api).await) {
            published = addresses;
        }
        let next_end = api.peers.next_end();
        let lost = async {
            match next_end {
                Some(end) => time::sleep_until(end).await,
                None => pending().await,
            }
        };
        // Cancel-safe: a tick and the changes of a watch are not lost, and who is lost stays so.
        tokio::select! {
            () = shutdown.cancelled() => return WatchEnd::Lagged,
            _ = renewal.tick() => {
                if told(bootstrap::renew_lease(api).await) {
                    api.peers.has_renewed();
                }
                remove(api, &mut lost_leases).await;
            }
            () = lost => {
                lost_leases.extend(api.peers.forget_lost());
                remove(api, &mut lost_leases).await;
            }
            changes = watch.next() => match changes {
                Ok(changes) => {
                    changes.iter().for_each(|change| api.peers.apply(change));
                    if changes.iter().any(|change| is_deletion_of_own(api, change)) {
                        renewal.reset_immediately();
                    }
                }
                Err(end) => return end,
            },
        }
    }
}

/// Removes Leases; what fails stays, to be tried again.
async fn remove(api: &Api, leases: &mut Vec<(Key, Revision)>) {
    for (key, revision) in std::mem::take(leases) {
        let removed = api.store.commit(Batch::remove(key.clone(), revision)).await;
        // If the server has renewed it after all, that is seen.
        if let Err(CommitError::Unavailable | CommitError::Unknown | CommitError::DiskFull) =
            removed
        {
            leases.push((key, revision));
        }
    }
}

/// Whether somebody has deleted the Lease of this server.
fn is_deletion_of_own(api: &Api, change: &Change) -> bool {
    matches!(change, Change::Delete { previous, .. } if api.peers.is_own(&previous.key))
}

/// Whether it was written. It is tried again when the Lease is renewed next.
fn told(written: Result<(), Error>) -> bool {
    if let Err(error) = &written {
        tracing::warn!(%error, source = ?std::error::Error::source(error), "other API servers are not told of this one");
    }
    written.is_ok()
}

/// Takes back the Lease, so that others need not wait for its end.
async fn leave(api: &Api) {
    let removal = {
        let snapshot = api.store.snapshot();
        let mut leases = snapshot.range(PREFIX, None);
        let own = leases.find(|entry| api.peers.is_own(&entry.key));
        own.map(|own| Batch::remove(own.key.clone(), own.revision))
    };
    if let Some(removal) = removal {
        let _ = api.store.commit(removal).await;
    }
}
