//! Makes the claims of ephemeral volumes, which go with their Pod
//! (<https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes>).

mod plan;

use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use skiff_client::{Change, EventType, Informer, Next, ObjectKey, Recorder, WorkQueue};

use crate::context::Context;
use crate::writes::{exists, namespace_is_terminating, words};

/// Pods that are looked at at a time.
const WORKERS: usize = 2;

/// Makes claims, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("ephemeral_volume");
    let claims: Informer<PersistentVolumeClaim> = context.informers.all();
    let queue = WorkQueue::new();
    let keys = queue.clone();
    context.pods.all.on_change(move |change| {
        if !matches!(change, Change::Deleted(_))
            && plan::templates(change.object()).next().is_some()
        {
            keys.add(ObjectKey::of(&**change.object()));
        }
    });
    let ready = async {
        claims.ready().await;
        context.pods.all.ready().await;
    };
    let maker = Arc::new(Maker {
        context: context.clone(),
        claims: claims.clone(),
        recorder,
    });
    let work = context.reconcile("ephemeral-volume", ready, queue, WORKERS, |key| {
        let maker = maker.clone();
        async move { maker.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}

struct Maker {
    context: Context,
    claims: Informer<PersistentVolumeClaim>,
    recorder: Recorder,
}

impl Maker {
    async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(pod) = self.context.pods.all.get(&key) else {
            return Ok(Next::Done);
        };
        let known = |name: &str| self.claims.get(&ObjectKey::new(&key.namespace, name));
        let plan = plan::plan(&pod, |name| known(name).as_deref().cloned());
        for why in plan.conflicts {
            let reference = pod.object_ref(&());
            self.recorder.event(
                &reference,
                EventType::Warning,
                "EphemeralVolumeCreationFailed",
                why,
            );
        }
        let api: Api<PersistentVolumeClaim> =
            Api::namespaced(self.context.client.clone(), &key.namespace);
        for claim in plan.create {
            match api.create(&PostParams::default(), &claim).await {
                Err(error) if exists(&error) || namespace_is_terminating(&error) => {}
                Err(error) => {
                    let message = format!(
                        "ephemeral volume claim {}: {}",
                        claim.name_any(),
                        words(&error)
                    );
                    let reference = pod.object_ref(&());
                    let reason = "EphemeralVolumeCreationFailed";
                    self.recorder
                        .event(&reference, EventType::Warning, reason, message);
                    return Err(error.into());
                }
                Ok(made) => self.context.caught_up(&self.claims, &made).await,
            }
        }
        Ok(Next::Done)
    }
}
