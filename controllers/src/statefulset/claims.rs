//! The storage claims of a Pod
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage>).

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::identity::{claim_name, claim_templates};
use crate::ownership::controller_reference;

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

/// Whether the claims are deleted with the set.
fn go_with_set(set: &StatefulSet) -> bool {
    set.spec
        .as_ref()
        .and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref())
        .and_then(|policy| policy.when_deleted.as_deref())
        == Some("Delete")
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
}
