//! IPAddresses of Services that somebody deletes are made again, as the repair loop of Kubernetes does.

use std::sync::Arc;

use skiff_store::{Batch, Change, CommitError, Precondition, Snapshot, Store};

use crate::codec::encode;
use crate::following::Follower;
use crate::services::{Missing, all_missing, missing_again};

/// Makes them again as they are deleted.
pub(super) struct Addresses<'a>(pub(super) &'a Store);

impl Follower for Addresses<'_> {
    async fn read_all(&self, snapshot: &Snapshot) {
        make_all(self.0, snapshot).await;
    }

    async fn apply(&self, changes: &[Arc<Change>]) {
        for change in changes {
            if let Change::Delete { previous, .. } = &**change
                && let Some(missing) = missing_again(&self.0.snapshot(), previous)
            {
                make(self.0, missing).await;
            }
        }
    }
}

/// Makes all that are missing.
pub(super) async fn make_all(store: &Store, snapshot: &Snapshot) {
    for missing in all_missing(snapshot) {
        make(store, missing).await;
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
