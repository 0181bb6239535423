//! The storage claims of a Pod
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage>).

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy as Retention,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;

use super::identity::{claim_name, claim_templates};
use super::spec;
use crate::ownership::{controller_reference, uid_of};

/// The claims that the Pod of that ordinal must have before it is made.
pub(super) fn claims(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let made = |template| claim(set, template, ordinal);
    claim_templates(set).iter().map(made).collect()
}

fn claim(
    set: &StatefulSet,
    template: &PersistentVolumeClaim,
    ordinal: i32,
) -> PersistentVolumeClaim {
    let matched = set
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.match_labels.clone());
    let mut labels = template.metadata.labels.clone().unwrap_or_default();
    labels.extend(matched.unwrap_or_default());
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(claim_name(set, template, ordinal)),
            namespace: set.metadata.namespace.clone(),
            labels: (!labels.is_empty()).then_some(labels),
            annotations: template.metadata.annotations.clone(),
            owner_references: go_with_set(set).then(|| vec![controller_reference(set)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Who takes a claim along when it goes: the set, or its Pod if the set has become too small for that Pod
/// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention>).
pub(super) fn owner(set: &StatefulSet, ordinal: i32, pod: &Pod) -> Option<OwnerReference> {
    let condemned = !spec::ordinals(set).contains(&ordinal);
    if condemned && deletes(set, |policy| policy.when_scaled.as_deref()) {
        return Some(controller_reference(pod));
    }
    go_with_set(set).then(|| controller_reference(set))
}

/// The owners that a claim should have, if it has others: the set and its Pod come and go, the rest is not ours.
pub(super) fn corrected(
    claim: &PersistentVolumeClaim,
    set: &StatefulSet,
    ordinal: i32,
    pod: &Pod,
) -> Option<Vec<OwnerReference>> {
    let known = claim.metadata.owner_references.clone().unwrap_or_default();
    let name = pod.name_any();
    let is_ours =
        |one: &OwnerReference| one.uid == uid_of(set) || (one.kind == "Pod" && one.name == name);
    let mut owners: Vec<_> = known.iter().filter(|one| !is_ours(one)).cloned().collect();
    owners.extend(owner(set, ordinal, pod));
    let uids = |owners: &[OwnerReference]| {
        let mut uids: Vec<_> = owners.iter().map(|one| one.uid.clone()).collect();
        uids.sort();
        uids
    };
    (uids(&owners) != uids(&known)).then_some(owners)
}

/// Whether the claims are deleted with the set.
fn go_with_set(set: &StatefulSet) -> bool {
    deletes(set, |policy| policy.when_deleted.as_deref())
}

fn deletes(set: &StatefulSet, when: fn(&Retention) -> Option<&str>) -> bool {
    let spec = set.spec.as_ref();
    let policy = spec.and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
    policy.and_then(when) == Some("Delete")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_is_named_after_template_set_and_ordinal() {
        let set: StatefulSet = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "default", "uid": "s"},
            "spec": {"selector": {"matchLabels": {"app": "nginx"}}, "template": {},
                "volumeClaimTemplates": [
                    {"metadata": {"name": "www", "labels": {"disk": "fast"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}]},
        }))
        .unwrap();
        assert_eq!(
            json!(claims(&set, 1)),
            json!([{"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": "www-web-1", "namespace": "default", "labels": {"app": "nginx", "disk": "fast"}},
                "spec": {"accessModes": ["ReadWriteOnce"]}}])
        );
    }

    #[test]
    fn the_policy_says_who_takes_a_claim_along() {
        let cases = [
            ("Retain", "Retain", 0, None),
            ("Retain", "Retain", 5, None),
            ("Delete", "Retain", 0, Some("s")),
            ("Delete", "Retain", 5, Some("s")),
            ("Retain", "Delete", 0, None),
            ("Retain", "Delete", 5, Some("p")),
            ("Delete", "Delete", 0, Some("s")),
            ("Delete", "Delete", 5, Some("p")),
        ];
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "web-0", "uid": "p"}})).unwrap();
        for (deleted, scaled, ordinal, expected) in cases {
            let set: StatefulSet = serde_json::from_value(json!({
                "metadata": {"name": "web", "uid": "s"},
                "spec": {"replicas": 2, "selector": {}, "template": {}, "persistentVolumeClaimRetentionPolicy":
                    {"whenDeleted": deleted, "whenScaled": scaled}},
            }))
            .unwrap();
            let owner = owner(&set, ordinal, &pod).map(|owner| owner.uid);
            assert_eq!(owner.as_deref(), expected, "{deleted} {scaled} {ordinal}");

            // What another took along for the same reason is corrected, what is not ours stays.
            let mut claim = PersistentVolumeClaim::default();
            let other = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]);
            claim.metadata.owner_references = serde_json::from_value(other).unwrap();
            let corrected = corrected(&claim, &set, ordinal, &pod);
            let uids =
                corrected.map(|owners| owners.into_iter().map(|one| one.uid).collect::<Vec<_>>());
            let expected = expected.map(|uid| vec!["x".to_owned(), uid.to_owned()]);
            assert_eq!(uids, expected, "{deleted} {scaled} {ordinal}");
        }
    }
}
