//! `persistentVolumeClaim`: the volume that the claim is bound to.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::{
    HostPathVolumeSource, Node, PersistentVolume, PersistentVolumeClaim, Pod,
};
use kube::Api;
use kube::api::ObjectMeta;
use skiff_api::volume_is_reachable;
use skiff_api::volumes::{claim_ref, is_fully_bound, refers_to};

use super::nfs::{self, Share};
use super::{VolumeError, host_path, local, ownership};
use crate::host::Host;

/// Makes the volume behind the claim usable at `dir`, or says where else it is.
pub(super) async fn set_up(
    host: &Host,
    pod: &Pod,
    claim: &str,
    read_only: bool,
    dir: PathBuf,
) -> Result<PathBuf, VolumeError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let volume = volume_of(host, namespace, claim).await?;
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let spec = volume.spec.clone().unwrap_or_default();
    if !volume_is_reachable(spec.node_affinity.as_ref(), &this_node(host)) {
        let words = format!("volume {name:?} has node affinity to other nodes");
        return Err(VolumeError::Refused(words));
    }
    if let Some(source) = &spec.host_path {
        return host_path::set_up(&HostPathVolumeSource {
            path: source.path.clone(),
            type_: source.type_.clone(),
        })
        .await;
    }
    if let Some(source) = &spec.local {
        return local::set_up(dir, &source.path, ownership::owner(pod)).await;
    }
    if let Some(source) = &spec.nfs {
        let share = Share {
            server: &source.server,
            path: &source.path,
            read_only: read_only || source.read_only == Some(true),
            options: spec.mount_options.as_deref().unwrap_or_default(),
        };
        return nfs::volume(dir, &share).await;
    }
    let words = format!("no volume plugin matched PersistentVolume {name:?}");
    Err(VolumeError::Refused(words))
}

/// The volume that a claim of the Pod's is bound to, asked of the API server: Pods start seldom, and a cache of all
/// claims on every node would be dear.
async fn volume_of(
    host: &Host,
    namespace: &str,
    name: &str,
) -> Result<PersistentVolume, VolumeError> {
    let claims: Api<PersistentVolumeClaim> =
        Api::namespaced(host.objects.client.clone(), namespace);
    let Some(claim) = claims.get_opt(name).await? else {
        let words = format!("persistentvolumeclaim {name:?} not found");
        return Err(VolumeError::Refused(words));
    };
    let spec = claim.spec.as_ref();
    let volume = spec.and_then(|spec| spec.volume_name.as_deref());
    let Some(volume) = volume.filter(|_| is_fully_bound(&claim)) else {
        let words = format!("PVC {namespace}/{name} is not bound");
        return Err(VolumeError::Refused(words));
    };
    let volumes: Api<PersistentVolume> = Api::all(host.objects.client.clone());
    let Some(found) = volumes.get_opt(volume).await? else {
        let words = format!("persistentvolume {volume:?} not found");
        return Err(VolumeError::Refused(words));
    };
    match claim_ref(&found).is_some_and(|reference| refers_to(reference, &claim)) {
        true => Ok(found),
        false => Err(VolumeError::Refused(format!(
            "PVC {namespace}/{name} is not the claim of PersistentVolume {volume:?}"
        ))),
    }
}

/// This node as far as the affinity of volumes asks for it.
fn this_node(host: &Host) -> Node {
    let name = &host.config.node_name;
    let hostname = ("kubernetes.io/hostname".to_owned(), name.clone());
    let own = host.config.labels.clone();
    Node {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some(own.into_iter().chain([hostname]).collect()),
            ..ObjectMeta::default()
        },
        ..Node::default()
    }
}
