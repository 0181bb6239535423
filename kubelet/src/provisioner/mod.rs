//! Makes and removes the volumes of [`LOCAL_PATH`], folders of this node below `volumes/` of the data directory.
//!
//! In: claims that name the provisioner and this node. Out: a folder, then a PersistentVolume that is bound to the claim
//! beforehand. A volume whose claim is gone goes with its folder, if its class said so.

mod folder;
mod plan;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client, Resource, ResourceExt};
use skiff_api::volumes::{LOCAL_PATH, class_of_claim};
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{
    Informer, Informers, Next, ObjectKey, Recorder, WorkQueue, is_already_exists, is_not_found,
    reconcile_queue, recorder,
};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use plan::{Removal, Request};

/// One at a time: a folder is made faster than its object is written.
const WORKERS: usize = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Claim(ObjectKey),
    Volume(ObjectKey),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Key::Claim(key) | Key::Volume(key)) = self;
        key.fmt(f)
    }
}

/// Serves claims until `shutdown`.
///
/// # Errors
/// If a task panicked.
pub(crate) async fn run(
    config: Config,
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (recorder, events) = recorder(client.clone(), LOCAL_PATH, Some(&config.node_name));
    let provisioner = Arc::new(Provisioner {
        root: config.data_dir.join("volumes"),
        node: config.node_name,
        claims: informers.all(),
        volumes: informers.all(),
        classes: informers.all(),
        client,
        recorder,
    });
    let queue = WorkQueue::new();
    let keys = queue.clone();
    provisioner
        .claims
        .on_change(move |change| keys.add(Key::Claim(ObjectKey::of(&**change.object()))));
    let keys = queue.clone();
    provisioner
        .volumes
        .on_change(move |change| keys.add(Key::Volume(ObjectKey::of(&**change.object()))));
    let ready = async {
        provisioner.claims.ready().await;
        provisioner.volumes.ready().await;
        provisioner.classes.ready().await;
    };
    if shutdown.run_until_cancelled(ready).await.is_none() {
        return Ok(());
    }
    let working = reconcile_queue("local-path", queue, WORKERS, shutdown.clone(), move |key| {
        let provisioner = provisioner.clone();
        async move {
            match key {
                Key::Claim(key) => provisioner.claim(key).await?,
                Key::Volume(key) => provisioner.volume(key).await?,
            }
            Ok(Next::Done)
        }
    });
    let (worked, ()) = tokio::join!(working, events.run(shutdown.clone()));
    worked
}

struct Provisioner {
    /// Where all folders are.
    root: PathBuf,
    node: String,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
    client: Client,
    recorder: Recorder,
}

impl Provisioner {
    async fn claim(&self, key: ObjectKey) -> anyhow::Result<()> {
        let Some(claim) = self.claims.get(&key) else {
            return Ok(());
        };
        let class = ObjectKey::cluster(class_of_claim(&claim));
        let Some(class) = self.classes.get(&class) else {
            return Ok(());
        };
        let name = plan::volume_name(&claim);
        if self.volumes.get(&ObjectKey::cluster(&name)).is_some() {
            return Ok(());
        }
        let tell = |kind, reason, message| {
            self.recorder
                .event(&claim.object_ref(&()), kind, reason, message);
        };
        let volume = match plan::request(&claim, &class, &self.node, &self.root) {
            Request::NotOurs => return Ok(()),
            Request::Refused(why) => {
                let class = class.name_any();
                let message =
                    format!("failed to provision volume with StorageClass {class:?}: {why}");
                tell(Warning, "ProvisioningFailed", message);
                return Ok(());
            }
            Request::Make(volume) => volume,
        };
        let message = format!("External provisioner is provisioning volume for claim \"{key}\"");
        tell(Normal, "Provisioning", message);
        folder::make(plan::path(&volume))
            .await
            .with_context(|| format!("make the folder of {name}"))?;
        match self.api().create(&PostParams::default(), &volume).await {
            Ok(made) => {
                self.volumes.caught_up(&made).await;
                let message = format!("Successfully provisioned volume {name}");
                tell(Normal, "ProvisioningSucceeded", message);
                Ok(())
            }
            Err(error) => {
                let error = anyhow::Error::new(error);
                match is_already_exists(&error) {
                    true => Ok(()),
                    false => Err(error),
                }
            }
        }
    }

    async fn volume(&self, key: ObjectKey) -> anyhow::Result<()> {
        let Some(volume) = self.volumes.get(&key) else {
            return Ok(());
        };
        let removal = plan::removal(&volume, &self.node, &self.root);
        if let Removal::Everything(folder) = &removal
            && let Err(error) = folder::remove(folder.clone()).await
        {
            let message = format!("failed to remove {}: {error}", folder.display());
            self.recorder.event(
                &volume.object_ref(&()),
                Warning,
                "VolumeFailedDelete",
                message,
            );
            return Err(error.into());
        }
        match removal {
            Removal::Nothing => Ok(()),
            Removal::Everything(_) | Removal::ObjectOnly => unless_gone(self.let_go(&volume).await),
        }
    }

    /// Deletes the object, and takes away the finalizer that kept it until its folder was gone.
    async fn let_go(&self, volume: &PersistentVolume) -> kube::Result<()> {
        let name = volume.name_any();
        if volume.metadata.deletion_timestamp.is_none() {
            let only = DeleteParams {
                preconditions: Some(Preconditions {
                    uid: volume.uid(),
                    resource_version: None,
                }),
                ..DeleteParams::default()
            };
            self.api().delete(&name, &only).await?;
        }
        let mut freed = self.api().get(&name).await?;
        if let Some(finalizers) = &mut freed.metadata.finalizers {
            finalizers.retain(|one| one != plan::FINALIZER);
        }
        self.api()
            .replace(&name, &PostParams::default(), &freed)
            .await?;
        Ok(())
    }

    fn api(&self) -> Api<PersistentVolume> {
        Api::all(self.client.clone())
    }
}

fn unless_gone(done: kube::Result<()>) -> anyhow::Result<()> {
    match done.map_err(anyhow::Error::new) {
        Err(error) if !is_not_found(&error) => Err(error),
        _ => Ok(()),
    }
}
