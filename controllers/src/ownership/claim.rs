//! Adoption and release: a controller has the objects that refer to it and match its selector
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#non-template-pod-acquisitions>).

use std::sync::Arc;

use futures::future::try_join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_client::Watched;

use super::{Owned, controller_of};
use crate::context::Context;
use crate::selection::Selection;

/// The controller that claims.
pub(crate) struct Claimant<'a> {
    pub(crate) reference: OwnerReference,
    pub(crate) namespace: &'a str,
    pub(crate) deleting: bool,
    pub(crate) selector: &'a Selection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Keep,
    Adopt,
    Release,
    Ignore,
}

/// What becomes of one object.
fn decide<K: Resource>(claimant: &Claimant<'_>, object: &K) -> Decision {
    let matches = claimant.selector.matches(object.meta().labels.as_ref());
    match controller_of(object) {
        Some(reference) if reference.uid != claimant.reference.uid => Decision::Ignore,
        Some(_) if matches => Decision::Keep,
        // What is being deleted takes and gives nothing.
        _ if claimant.deleting || object.meta().deletion_timestamp.is_some() => Decision::Ignore,
        Some(_) => Decision::Release,
        None if matches => Decision::Adopt,
        None => Decision::Ignore,
    }
}

/// The objects of `owned` that are the claimant's, after it has adopted and released what it must.
pub(crate) async fn claim<K>(
    context: &Context,
    owned: &Owned<K>,
    claimant: &Claimant<'_>,
) -> anyhow::Result<Vec<Arc<K>>>
where
    K: Watched + Resource<Scope = NamespaceResourceScope>,
{
    let mut seen = owned.by(&claimant.reference.uid);
    seen.extend(owned.orphans(claimant.namespace));
    let mut claimed = Vec::new();
    let mut changes = Vec::new();
    for object in seen {
        match decide(claimant, &*object) {
            Decision::Keep => claimed.push(object),
            Decision::Ignore => {}
            change => changes.push((object, change)),
        }
    }
    let api: Api<K> = Api::namespaced(context.client.clone(), claimant.namespace);
    let written = try_join_all(changes.iter().map(|(object, change)| {
        let api = &api;
        async move { apply(api, &claimant.reference, &**object, *change).await }
    }))
    .await?;
    for (change, object) in written.into_iter().flatten() {
        context.caught_up(&owned.all, &object).await;
        if change == Decision::Adopt {
            claimed.push(Arc::new(object));
        }
    }
    Ok(claimed)
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
        for (label, owner, owner_deleting, object_deleting, expected) in cases {
            let claimant = Claimant {
                reference: OwnerReference {
                    uid: "mine".into(),
                    ..OwnerReference::default()
                },
                namespace: "default",
                deleting: owner_deleting,
                selector: &selector,
            };
            let pod: Pod = serde_json::from_value(json!({"metadata": {
                "labels": {"app": label},
                "deletionTimestamp": object_deleting.then_some("2026-01-01T00:00:00Z"),
                "ownerReferences": owner.map(|uid| vec![json!({
                    "uid": uid, "name": "o", "kind": "ReplicaSet", "apiVersion": "apps/v1", "controller": true})]),
            }}))
            .unwrap();
            assert_eq!(
                decide(&claimant, &pod),
                expected,
                "{label} {owner:?} owner deleting {owner_deleting}, object deleting {object_deleting}"
            );
        }
    }
}
