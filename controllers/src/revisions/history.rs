//! What the history of a template needs (apps/v1 ControllerRevision).

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::Revisioned;
use crate::ownership::controller_reference;

/// What the current template needs of the history.
#[derive(Debug)]
pub(super) enum Latest {
    /// It is the newest revision.
    Is(Arc<ControllerRevision>),
    /// It is an older revision, which is to become the newest again, as written here.
    Returns(ControllerRevision),
    /// It is new: this is to be made.
    New(ControllerRevision),
}

/// Finds the current template in `history`.
pub(super) fn latest<O: Revisioned>(
    owner: &O,
    history: &[Arc<ControllerRevision>],
    collisions: i32,
) -> Latest {
    let newest = history.iter().max_by_key(|revision| revision.revision);
    let next = newest.map_or(1, |newest| newest.revision + 1);
    let data = data(owner);
    let same = |revision: &&Arc<ControllerRevision>| {
        revision
            .data
            .as_ref()
            .is_some_and(|RawExtension(known)| *known == data)
    };
    match history
        .iter()
        .filter(same)
        .max_by_key(|revision| revision.revision)
    {
        None => Latest::New(make(owner, data, next, collisions)),
        Some(found) if found.revision + 1 == next => Latest::Is(found.clone()),
        Some(found) => Latest::Returns(ControllerRevision {
            revision: next,
            ..(**found).clone()
        }),
    }
}

/// Whether two revisions hold the same template.
pub(super) fn same_data(a: &ControllerRevision, b: &ControllerRevision) -> bool {
    a.data == b.data
}

/// A patch that brings the template back, which `kubectl rollout undo` applies.
fn data<O: Revisioned>(owner: &O) -> Value {
    // A typed template always becomes a JSON object.
    let mut template = json!(owner.template());
    template["$patch"] = json!("replace");
    json!({ "spec": { "template": template } })
}

fn make<O: Revisioned>(
    owner: &O,
    data: Value,
    revision: i64,
    collisions: i32,
) -> ControllerRevision {
    let hash = skiff_api::pod_template_hash(&data, collisions.unsigned_abs());
    let meta = owner
        .template()
        .and_then(|template| template.metadata.clone());
    let mut labels = meta.and_then(|meta| meta.labels).unwrap_or_default();
    labels.insert(O::HASH.to_owned(), hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", owner.name_any())),
            namespace: owner.namespace(),
            labels: Some(labels),
            annotations: owner.meta().annotations.clone(),
            owner_references: Some(vec![controller_reference(owner)]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data)),
        revision,
    }
}

/// The template that a revision holds.
pub(crate) fn template(revision: &ControllerRevision) -> serde_json::Result<PodTemplateSpec> {
    let data = revision.data.as_ref().map(|RawExtension(data)| data);
    let mut template = data.map_or(Value::Null, |data| data["spec"]["template"].clone());
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    serde_json::from_value(template)
}

/// The revisions beyond `revisionHistoryLimit`, the oldest first, none of them `live`.
pub(super) fn forgotten<O: Revisioned>(
    owner: &O,
    history: &[Arc<ControllerRevision>],
    live: &HashSet<String>,
) -> Vec<Arc<ControllerRevision>> {
    let mut unused: Vec<_> = history
        .iter()
        .filter(|revision| !live.contains(&revision.name_any()))
        .cloned()
        .collect();
    unused.sort_by_key(|revision| revision.revision);
    let surplus = unused.len().saturating_sub(owner.history_limit());
    unused.truncate(surplus);
    unused
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::StatefulSet;

    fn set(image: &str) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "default", "uid": "s"},
            "spec": {"selector": {}, "revisionHistoryLimit": 1, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": image}]}}},
        }))
        .unwrap()
    }

    fn new(set: &StatefulSet, history: &[Arc<ControllerRevision>]) -> ControllerRevision {
        match latest(set, history, 0) {
            Latest::New(revision) => revision,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_template_that_returns_becomes_the_newest_revision_again() {
        let first = Arc::new(new(&set("a"), &[]));
        let second = Arc::new(new(&set("b"), std::slice::from_ref(&first)));
        assert_eq!((first.revision, second.revision), (1, 2));
        assert_eq!(template(&first).unwrap(), set("a").spec.unwrap().template);
        let history = [first, second.clone()];
        assert!(
            matches!(latest(&set("b"), &history, 0), Latest::Is(is) if is.name_any() == second.name_any())
        );
        assert!(
            matches!(latest(&set("a"), &history, 0), Latest::Returns(returns)
            if returns.revision == 3 && returns.name_any() == history[0].name_any())
        );
    }

    #[test]
    fn revisions_in_use_are_kept() {
        let revision = |name: &str, number| {
            let mut revision = make(&set(name), Value::Null, number, 0);
            revision.metadata.name = Some(name.to_owned());
            Arc::new(revision)
        };
        let history = [
            revision("c", 3),
            revision("a", 1),
            revision("b", 2),
            revision("d", 4),
        ];
        let gone = forgotten(
            &set("a"),
            &history,
            &HashSet::from(["a".to_owned(), "d".to_owned()]),
        );
        assert_eq!(
            gone.iter().map(|one| one.name_any()).collect::<Vec<_>>(),
            ["b"]
        );
    }
}
