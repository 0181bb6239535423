//! What is to be done with a namespace that is deleted, from what is left in it.

use k8s_openapi::api::core::v1::Namespace;

/// The finalizer that this controller takes away (core/v1 `FinalizerKubernetes`).
const FINALIZER: &str = "kubernetes";

/// What is left of one resource in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remaining {
    /// Such as `deployments.apps`; `pods.` in the core group.
    pub(super) resource: String,
    /// How many objects.
    pub(super) count: usize,
    /// The finalizers of each of them, one after the other.
    pub(super) finalizers: Vec<String>,
}

/// Whether this namespace is to be emptied.
pub(super) fn is_due(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_some()
        && finalizers(namespace).iter().any(|one| one == FINALIZER)
}

/// The namespace without this controller's finalizer.
pub(super) fn finalized(namespace: &Namespace) -> Namespace {
    let mut finalized = namespace.clone();
    if let Some(spec) = &mut finalized.spec {
        spec.finalizers
            .get_or_insert_default()
            .retain(|one| one != FINALIZER);
    }
    finalized
}

fn finalizers(namespace: &Namespace) -> &[String] {
    let spec = namespace.spec.as_ref();
    spec.and_then(|spec| spec.finalizers.as_deref())
        .unwrap_or_default()
}

/// The order in which resources go: Pods before all others, so that no Pod outlives what protects or configures it
/// (KEP-5080, ordered namespace deletion).
pub(super) fn stages<R>(resources: Vec<R>, is_pods: impl Fn(&R) -> bool) -> [Vec<R>; 2] {
    let (pods, others) = resources.into_iter().partition(is_pods);
    [pods, others]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_deleted_namespace_that_is_not_finalized_is_due() {
        let deleted = Some("2026-01-01T00:00:00Z");
        let cases = [
            (None, vec!["kubernetes"], false),
            (deleted, vec!["kubernetes"], true),
            (deleted, vec!["example.com/mine"], false),
            (deleted, vec![], false),
        ];
        for (deletion, finalizers, due) in cases {
            let namespace: Namespace = serde_json::from_value(json!({
                "metadata": {"name": "a", "deletionTimestamp": deletion}, "spec": {"finalizers": finalizers}}))
            .unwrap();
            assert_eq!(is_due(&namespace), due, "{deletion:?} {finalizers:?}");
            assert!(!is_due(&finalized(&namespace)));
        }
    }
}
