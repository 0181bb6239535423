//! Binds PersistentVolumeClaims to PersistentVolumes, one to one, and follows volumes whose claim is gone
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim>).
//!
//! ```text
//!   claim ──► claim::plan ──► wait, ask a provisioner, or bind ──► volume.claimRef, then claim.volumeName
//!   volume ─► volume::plan ─► Available, Bound, Released, Failed
//! ```
//!
//! Volumes are made and removed by their provisioner, which the annotations and phases written here call.

mod binding;
mod claim;
mod reconcile;
mod volume;
mod wake;

#[cfg(test)]
mod fixtures;

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use skiff_client::{Index, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use reconcile::Reconciler;

/// One at a time, so that no volume is promised twice.
const WORKERS: usize = 1;

/// What is reconciled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Claim(ObjectKey),
    Volume(ObjectKey),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Claim(key) => write!(f, "persistentvolumeclaim {key}"),
            Key::Volume(key) => write!(f, "persistentvolume {key}"),
        }
    }
}

/// What the binder looks at.
#[derive(Clone)]
struct Caches {
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
    nodes: Informer<Node>,
    /// The Pods that use a claim, by namespace and name of the claim.
    users: Index<Pod>,
}

/// Binds claims and follows volumes, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("persistentvolume-controller");
    let caches = Caches {
        claims: context.informers.all(),
        volumes: context.informers.all(),
        classes: context.informers.all(),
        nodes: context.informers.all(),
        users: context.pods.all.index(wake::claims_of),
    };
    let queue = WorkQueue::new();
    wake::follow(&caches, &context.pods.all, &queue);
    let ready = async {
        caches.claims.ready().await;
        caches.volumes.ready().await;
        caches.classes.ready().await;
        caches.nodes.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        caches: caches.clone(),
        recorder,
    });
    let work = context.reconcile("persistentvolume-binder", ready, queue, WORKERS, |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
