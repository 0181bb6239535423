//! Keeps claims that Pods use, and volumes that are bound, until they are free
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>).

mod plan;

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use skiff_api::volumes::{CLAIM_PROTECTION, VOLUME_PROTECTION, claim_names};
use skiff_client::{Informer, Next, ObjectKey, Watched, WorkQueue};

use crate::context::Context;
use crate::ownership::wake_on_change;
use crate::writes::is_gone;

/// Objects that are looked at at a time.
const WORKERS: usize = 2;

/// Lets claims and volumes go when nobody needs them any more, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let guard = Arc::new(Guard {
        claims: context.informers.all(),
        volumes: context.informers.all(),
        context: context.clone(),
    });
    let (claims, volumes) = (WorkQueue::new(), WorkQueue::new());
    wake_on_change(&guard.claims, &claims);
    wake_on_change(&guard.volumes, &volumes);
    let keys = claims.clone();
    context.pods.all.on_change(move |change| {
        let namespace = change.object().namespace().unwrap_or_default();
        for (_, claim) in claim_names(change.object()) {
            keys.add(ObjectKey::new(&namespace, claim));
        }
    });
    let of = guard.clone();
    let claims = context.reconcile(
        "pvc-protection",
        guard.claims.ready(),
        claims,
        WORKERS,
        move |key| {
            let guard = of.clone();
            async move { guard.claim(key).await }
        },
    );
    let of = guard.clone();
    let volumes = context.reconcile(
        "pv-protection",
        guard.volumes.ready(),
        volumes,
        WORKERS,
        move |key| {
            let guard = of.clone();
            async move { guard.volume(key).await }
        },
    );
    let (claims, volumes) = tokio::join!(claims, volumes);
    claims.and(volumes)
}

struct Guard {
    context: Context,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
}

impl Guard {
    async fn claim(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(claim) = self.claims.get(&key) else {
            return Ok(Next::Done);
        };
        // The Pods are asked for, not looked up: one that was bound just now must be seen.
        let is_used = match claim.metadata.deletion_timestamp {
            None => true,
            Some(_) => {
                let pods: Api<Pod> = api(&self.context, &key);
                let pods = pods.list(&ListParams::default()).await?;
                pods.iter().any(|pod| plan::uses(pod, &key.name))
            }
        };
        let wanted = plan::finalizers(&claim.metadata, CLAIM_PROTECTION, is_used);
        if let Some(finalizers) = wanted {
            let mut freed = (*claim).clone();
            freed.metadata.finalizers = Some(finalizers);
            let api: Api<PersistentVolumeClaim> = api(&self.context, &key);
            unless_gone(api.replace(&key.name, &PostParams::default(), &freed).await)?;
        }
        Ok(Next::Done)
    }

    async fn volume(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(volume) = self.volumes.get(&key) else {
            return Ok(Next::Done);
        };
        let phase = volume
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let is_bound = phase == Some("Bound");
        let wanted = plan::finalizers(&volume.metadata, VOLUME_PROTECTION, is_bound);
        if let Some(finalizers) = wanted {
            let mut freed = (*volume).clone();
            freed.metadata.finalizers = Some(finalizers);
            let api: Api<PersistentVolume> =
                Api::all(self.context.client_of("pv-protection-controller"));
            unless_gone(api.replace(&key.name, &PostParams::default(), &freed).await)?;
        }
        Ok(Next::Done)
    }
}

fn api<K: Watched + kube::Resource<Scope = NamespaceResourceScope>>(
    context: &Context,
    key: &ObjectKey,
) -> Api<K> {
    Api::namespaced(context.client.clone(), &key.namespace)
}

fn unless_gone<K>(written: kube::Result<K>) -> kube::Result<()> {
    match written {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}
