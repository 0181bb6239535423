//! IPAddresses of Services that somebody deletes are made again, as the repair loop of Kubernetes does. What is freed may let
//! a ServiceCIDR end.

use std::sync::Arc;

use skiff_store::{Batch, Change, CommitError, Precondition, Snapshot, Store};

use super::service_cidrs;
use crate::api::Api;
use crate::codec::encode;
use crate::following::Follower;
use crate::services::{Missing, all_missing, missing_again};

/// Makes them again as they are deleted.
pub(super) struct Addresses<'a>(pub(super) &'a Api);

impl Follower for Addresses<'_> {
    async fn read_all(&self, snapshot: &Snapshot) {
        make_all(&self.0.store, snapshot).await;
        service_cidrs::settle_ending(self.0).await;
    }

    async fn apply(&self, changes: &[Arc<Change>]) {
        let mut is_any_freed = false;
        for change in changes {
            if let Change::Delete { previous, .. } = &**change {
                is_any_freed = true;
                if let Some(missing) = missing_again(&self.0.store.snapshot(), previous) {
                    make(&self.0.store, missing).await;
                }
            }
        }
        if is_any_freed {
            service_cidrs::settle_ending(self.0).await;
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
