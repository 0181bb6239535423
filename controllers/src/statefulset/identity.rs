//! Names and labels that tell one Pod of a StatefulSet from the others
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-identity>).

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
};
use kube::ResourceExt;

use crate::ownership::controller_reference;
use crate::pods::from_template;

/// The label of a Pod that names its revision.
pub(super) const REVISION: &str = "controller-revision-hash";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The ordinal of a Pod by its name, if it is a Pod of that StatefulSet.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let name = pod.name_any();
    let (parent, ordinal) = name.rsplit_once('-')?;
    (parent == set.name_any())
        .then(|| ordinal.parse().ok())
        .flatten()
}

/// The name of the revision that a Pod was made of.
pub(super) fn revision(pod: &Pod) -> &str {
    pod.labels()
        .get(REVISION)
        .map(String::as_str)
        .unwrap_or_default()
}

/// The Pod of that ordinal, made of `template`, which is that of the named revision.
pub(super) fn pod(
    set: &StatefulSet,
    template: &PodTemplateSpec,
    revision: &str,
    ordinal: i32,
) -> Pod {
    let name = format!("{}-{ordinal}", set.name_any());
    let namespace = set.namespace().unwrap_or_default();
    let mut pod = from_template(template, &namespace, controller_reference(set));
    let labels = pod.labels_mut();
    labels.insert(POD_NAME.to_owned(), name.clone());
    labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
    labels.insert(REVISION.to_owned(), revision.to_owned());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name.clone());
    spec.subdomain = set.spec.as_ref().and_then(|spec| spec.service_name.clone());
    mount_claims(set, ordinal, spec.volumes.get_or_insert_default());
    if spec.volumes.as_ref().is_some_and(Vec::is_empty) {
        spec.volumes = None;
    }
    pod.metadata.name = Some(name);
    pod
}

/// The volumes of claims take the place of the template's volumes of the same names.
fn mount_claims(set: &StatefulSet, ordinal: i32, volumes: &mut Vec<Volume>) {
    for template in claim_templates(set) {
        let name = template.name_any();
        volumes.retain(|volume| volume.name != name);
        volumes.push(Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim_name(set, template, ordinal),
                read_only: None,
            }),
            name,
            ..Volume::default()
        });
    }
}

/// The templates of the claims that each Pod gets.
pub(super) fn claim_templates(set: &StatefulSet) -> &[PersistentVolumeClaim] {
    set.spec
        .as_ref()
        .and_then(|spec| spec.volume_claim_templates.as_deref())
        .unwrap_or_default()
}

/// `<template>-<set>-<ordinal>`.
pub(super) fn claim_name(
    set: &StatefulSet,
    template: &PersistentVolumeClaim,
    ordinal: i32,
) -> String {
    format!("{}-{}-{ordinal}", template.name_any(), set.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_has_its_own_name_labels_and_volumes() {
        let set: StatefulSet = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "default", "uid": "s"},
            "spec": {"serviceName": "nginx", "selector": {},
                "template": {
                    "metadata": {"labels": {"app": "nginx"}},
                    "spec": {"containers": [], "volumes": [{"name": "www", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]}},
                "volumeClaimTemplates": [{"metadata": {"name": "www"}, "spec": {}}]},
        }))
        .unwrap();
        let pod = pod(&set, &set.spec.as_ref().unwrap().template, "web-abc", 2);
        assert_eq!(ordinal(&set, &pod), Some(2));
        assert_eq!(
            json!(pod),
            json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "web-2", "generateName": "web-", "namespace": "default",
                    "labels": {"app": "nginx", "statefulset.kubernetes.io/pod-name": "web-2",
                        "apps.kubernetes.io/pod-index": "2", "controller-revision-hash": "web-abc"},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "s",
                        "controller": true, "blockOwnerDeletion": true}]},
                "spec": {"containers": [], "hostname": "web-2", "subdomain": "nginx", "volumes": [
                    {"name": "tmp", "emptyDir": {}},
                    {"name": "www", "persistentVolumeClaim": {"claimName": "www-web-2"}}]}})
        );
    }

    #[test]
    fn only_pods_named_after_the_set_are_its_members() {
        let set: StatefulSet = serde_json::from_value(
            json!({"metadata": {"name": "web"}, "spec": {"selector": {}, "template": {}}}),
        )
        .unwrap();
        for (name, expected) in [
            ("web-0", Some(0)),
            ("web-12", Some(12)),
            ("web-x", None),
            ("web", None),
            ("other-web-1", None),
        ] {
            let pod: Pod = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
            assert_eq!(ordinal(&set, &pod), expected, "{name}");
        }
    }
}
