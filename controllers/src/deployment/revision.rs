//! Which ReplicaSet has the current template, and the one to make if none has.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::annotations::{note_replicas, note_revision, revision};
use super::replica_sets::{ReplicaSets, by_age};
use super::rolling;
use crate::ownership::controller_reference;

/// The label that tells the Pods of one template from those of another.
pub(super) const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// Parts the ReplicaSets into that of the current template (the oldest, if several have it) and the others.
pub(super) fn sort_out(deployment: &Deployment, seen: &[Arc<ReplicaSet>]) -> ReplicaSets {
    let mut all: Vec<ReplicaSet> = seen
        .iter()
        .map(|replica_set| (**replica_set).clone())
        .collect();
    all.sort_by(by_age);
    let new = all
        .iter()
        .position(|replica_set| has_template(replica_set, deployment));
    ReplicaSets {
        new: new.map(|index| all.remove(index)),
        old: all,
    }
}

/// Whether a ReplicaSet makes Pods as the Deployment wants them now.
pub(super) fn has_template(replica_set: &ReplicaSet, deployment: &Deployment) -> bool {
    let made = replica_set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.as_ref());
    let wanted = deployment.spec.as_ref().map(|spec| &spec.template);
    made.map(without_hash) == wanted.map(without_hash)
}

fn without_hash(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    let meta = template.metadata.get_or_insert_default();
    meta.labels
        .get_or_insert_default()
        .remove(POD_TEMPLATE_HASH);
    meta.annotations.get_or_insert_default();
    template
}

/// Brings the new ReplicaSet's books up to date.
pub(super) fn update_new(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    let next = next_revision(replica_sets);
    if let Some(new) = &mut replica_sets.new {
        note_revision(deployment, new, next);
        if let Some(spec) = &mut new.spec {
            let wanted = deployment
                .spec
                .as_ref()
                .and_then(|spec| spec.min_ready_seconds);
            if spec.min_ready_seconds.unwrap_or(0) != wanted.unwrap_or(0) {
                spec.min_ready_seconds = wanted;
            }
        }
    }
}

/// Puts a ReplicaSet of the current template beside the old ones, as large as it may be now.
pub(super) fn add_new(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    let mut new = of_template(deployment);
    note_revision(deployment, &mut new, next_revision(replica_sets));
    note_replicas(deployment, &mut new);
    replica_sets.new = Some(new);
    let size = rolling::new_size(deployment, replica_sets);
    if let Some(spec) = replica_sets.new.as_mut().and_then(|new| new.spec.as_mut()) {
        spec.replicas = Some(size);
    }
}

fn next_revision(replica_sets: &ReplicaSets) -> i64 {
    replica_sets.old.iter().map(revision).max().unwrap_or(0) + 1
}

/// An empty ReplicaSet of the current template, named after it.
fn of_template(deployment: &Deployment) -> ReplicaSet {
    let spec = deployment.spec.clone().unwrap_or_default();
    let hash = template_hash(deployment, &spec.template);
    let mut template = spec.template;
    let labels = template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default();
    labels.insert(POD_TEMPLATE_HASH.to_owned(), hash.clone());
    let labels = labels.clone();
    let mut selector = spec.selector;
    let matched = selector.match_labels.get_or_insert_default();
    matched.insert(POD_TEMPLATE_HASH.to_owned(), hash.clone());
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", deployment.name_any())),
            namespace: deployment.namespace(),
            labels: Some(labels),
            owner_references: Some(vec![controller_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(0),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    }
}

fn template_hash(deployment: &Deployment, template: &PodTemplateSpec) -> String {
    let collisions = deployment
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    // A typed template always becomes JSON.
    let template = serde_json::to_value(template).unwrap_or_default();
    skiff_api::pod_template_hash(&template, collisions.unwrap_or(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::testing::deployment;

    #[test]
    fn a_new_replica_set_is_found_again_by_its_template() {
        let mut web = deployment(3, 1, 0);
        let mut replica_sets = ReplicaSets::default();
        add_new(&web, &mut replica_sets);
        let new = replica_sets.new.unwrap();
        let hash = new.labels()[POD_TEMPLATE_HASH].clone();
        assert_eq!(new.name_any(), format!("web-{hash}"));
        assert_eq!(
            serde_json::json!(new.annotations()),
            serde_json::json!({
                "deployment.kubernetes.io/revision": "1",
                "deployment.kubernetes.io/desired-replicas": "3",
                "deployment.kubernetes.io/max-replicas": "4"})
        );
        let spec = new.spec.as_ref().unwrap();
        assert_eq!(spec.replicas, Some(3));
        assert_eq!(
            spec.selector.match_labels.as_ref().unwrap()[POD_TEMPLATE_HASH],
            hash
        );
        let seen = [Arc::new(new)];
        assert!(sort_out(&web, &seen).new.is_some());

        let template = &mut web.spec.as_mut().unwrap().template;
        template.spec.as_mut().unwrap().containers[0].image = Some("b".into());
        let sorted = sort_out(&web, &seen);
        assert!(sorted.new.is_none() && sorted.old.len() == 1);
    }

    #[test]
    fn a_collision_gives_another_name() {
        let mut web = deployment(3, 1, 0);
        let first = of_template(&web).name_any();
        web.status.get_or_insert_default().collision_count = Some(1);
        assert_ne!(of_template(&web).name_any(), first);
    }
}
