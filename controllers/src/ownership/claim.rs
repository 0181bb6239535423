//! Adoption and release: a controller has the objects that refer to it and match its selector
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#non-template-pod-acquisitions>).

use std::sync::Arc;

use futures::future::try_join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_client::Watched;

use super::{Owned, controller_of, controller_reference, uid_of};
use crate::context::Context;
use crate::selection::Selection;

/// The controller that claims, and what it claims.
pub(crate) struct Claimant<'a, O, K> {
    pub(crate) owner: &'a O,
    pub(crate) selector: &'a Selection,
    /// What must hold besides the selector.
    pub(crate) is_member: &'a (dyn Fn(&K) -> bool + Sync),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Keep,
    Adopt,
    Release,
    Ignore,
}

/// What becomes of one object.
fn decide<O: Resource, K: Resource>(claimant: &Claimant<'_, O, K>, object: &K) -> Decision {
    let labels = object.meta().labels.as_ref();
    let matches = claimant.selector.matches(labels) && (claimant.is_member)(object);
    let deleting = |meta: &ObjectMeta| meta.deletion_timestamp.is_some();
    match controller_of(object) {
        Some(reference) if reference.uid != uid_of(claimant.owner) => Decision::Ignore,
        Some(_) if matches => Decision::Keep,
        // What is being deleted takes and gives nothing.
        _ if deleting(claimant.owner.meta()) || deleting(object.meta()) => Decision::Ignore,
        Some(_) => Decision::Release,
        None if matches => Decision::Adopt,
        None => Decision::Ignore,
    }
}

/// The objects of `owned` that are the claimant's, after it has adopted and released what it must.
pub(crate) async fn claim<O, K>(
    context: &Context,
    owned: &Owned<K>,
    claimant: &Claimant<'_, O, K>,
) -> kube::Result<Vec<Arc<K>>>
where
    O: Watched + Resource<Scope = NamespaceResourceScope>,
    K: Watched + Resource<Scope = NamespaceResourceScope>,
{
    let namespace = claimant.owner.namespace().unwrap_or_default();
    let mut seen = owned.by(uid_of(claimant.owner));
    seen.extend(owned.orphans(&namespace));
    let mut claimed = Vec::new();
    let mut changes = Vec::new();
    for object in seen {
        match decide(claimant, &*object) {
            Decision::Keep => claimed.push(object),
            Decision::Ignore => {}
            change => changes.push((object, change)),
        }
    }
    let adopts = changes.iter().any(|(_, change)| *change == Decision::Adopt);
    if adopts && !lives(context, claimant.owner, &namespace).await? {
        changes.retain(|(_, change)| *change != Decision::Adopt);
    }
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    let owner = controller_reference(claimant.owner);
    let writes = changes
        .iter()
        .map(|(object, change)| apply(&api, &owner, &**object, *change));
    for (change, object) in try_join_all(writes).await?.into_iter().flatten() {
        context.caught_up(&owned.all, &object).await;
        if change == Decision::Adopt {
            claimed.push(Arc::new(object));
        }
    }
    Ok(claimed)
}

/// Whether the owner is still there and stays, by the API server's word: the cache may be behind, and an object that
/// is orphaned on purpose must not be adopted again by the owner that goes.
async fn lives<O>(context: &Context, owner: &O, namespace: &str) -> kube::Result<bool>
where
    O: Watched + Resource<Scope = NamespaceResourceScope>,
{
    let api: Api<O> = Api::namespaced(context.client.clone(), namespace);
    let live = api.get_metadata_opt(&owner.name_any()).await?;
    Ok(live.is_some_and(|live| {
        live.metadata.uid.as_deref() == Some(uid_of(owner))
            && live.metadata.deletion_timestamp.is_none()
    }))
}

/// Writes one adoption or release; an object that is gone by now is nobody's.
async fn apply<K: Watched>(
    api: &Api<K>,
    owner: &OwnerReference,
    object: &K,
    change: Decision,
) -> kube::Result<Option<(Decision, K)>> {
    let references = match change {
        Decision::Adopt => json!([owner]),
        _ => json!([{ "$patch": "delete", "uid": owner.uid }]),
    };
    // The uid in the patch is a precondition: a new object of the same name is another one.
    let patch = json!({ "metadata": { "uid": object.uid(), "ownerReferences": references } });
    let written = api
        .patch(
            &object.name_any(),
            &PatchParams::default(),
            &Patch::Strategic(patch),
        )
        .await;
    match written {
        Ok(object) => Ok(Some((change, object))),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::ReplicaSet;
    use k8s_openapi::api::core::v1::Pod;

    #[test]
    fn only_matching_objects_are_kept_or_adopted() {
        let selector =
            Selection::of(&serde_json::from_value(json!({"matchLabels": {"app": "web"}})).unwrap());
        let cases = [
            ("web", Some("mine"), false, false, Decision::Keep),
            ("web", Some("mine"), true, true, Decision::Keep),
            ("db", Some("mine"), false, false, Decision::Release),
            ("db", Some("mine"), true, false, Decision::Ignore),
            ("web", Some("other"), false, false, Decision::Ignore),
            ("web", None, false, false, Decision::Adopt),
            ("web", None, true, false, Decision::Ignore),
            ("web", None, false, true, Decision::Ignore),
            ("db", None, false, false, Decision::Ignore),
        ];
        let deleted = |deleting: bool| deleting.then_some("2026-01-01T00:00:00Z");
        for (label, owner, owner_deleting, object_deleting, expected) in cases {
            let claiming: ReplicaSet = serde_json::from_value(json!({"metadata": {
                "uid": "mine", "deletionTimestamp": deleted(owner_deleting)}}))
            .unwrap();
            let pod: Pod = serde_json::from_value(json!({"metadata": {
                "labels": {"app": label},
                "deletionTimestamp": deleted(object_deleting),
                "ownerReferences": owner.map(|uid| vec![json!({
                    "uid": uid, "name": "o", "kind": "ReplicaSet", "apiVersion": "apps/v1", "controller": true})]),
            }}))
            .unwrap();
            let claimant = Claimant {
                owner: &claiming,
                selector: &selector,
                is_member: &|_| true,
            };
            assert_eq!(
                decide(&claimant, &pod),
                expected,
                "{label} {owner:?} owner deleting {owner_deleting}, object deleting {object_deleting}"
            );
            let stranger = Claimant {
                is_member: &|_| false,
                ..claimant
            };
            assert_ne!(
                decide(&stranger, &pod),
                Decision::Adopt,
                "{label} {owner:?}"
            );
        }
    }
}
