//! Who is protected.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use skiff_api::volumes::claim_names;

use crate::pods::node_of;

/// The finalizers that an object is to have instead of those it has: the protection goes only from what is deleted and
/// not in use, and comes back to what is neither.
pub(super) fn finalizers(
    metadata: &ObjectMeta,
    protection: &str,
    is_used: bool,
) -> Option<Vec<String>> {
    let mut wanted = metadata.finalizers.clone().unwrap_or_default();
    let is_protected = wanted.iter().any(|one| one == protection);
    match (metadata.deletion_timestamp.is_some(), is_protected) {
        (true, true) if !is_used => wanted.retain(|one| one != protection),
        (false, false) => wanted.push(protection.to_owned()),
        _ => return None,
    }
    Some(wanted)
}

/// Whether a Pod uses the claim of that name: one that has no node yet cannot have touched it, one that has ended still
/// holds it.
pub(super) fn uses(pod: &Pod, claim: &str) -> bool {
    node_of(pod).is_some() && claim_names(pod).any(|(_, name)| name == claim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn protection_ends_with_the_last_use_of_what_is_deleted() {
        let cases = [
            (false, vec![], true, Some(vec!["p"])),
            (false, vec!["p"], false, None),
            (true, vec!["p"], true, None),
            (true, vec!["x", "p"], false, Some(vec!["x"])),
            (true, vec!["x"], true, None),
        ];
        for (deleted, has, is_used, expected) in cases {
            let at = deleted.then_some("2026-01-01T00:00:00Z");
            let metadata = json!({ "finalizers": has, "deletionTimestamp": at });
            let metadata: ObjectMeta = serde_json::from_value(metadata).expect("metadata");
            let wanted = finalizers(&metadata, "p", is_used);
            let expected = expected.map(|all| all.into_iter().map(str::to_owned).collect());
            assert_eq!(wanted, expected, "{deleted} {has:?} {is_used}");
        }
    }

    #[test]
    fn a_claim_is_used_by_a_pod_that_has_a_node() {
        for (node, used) in [(json!("n1"), true), (json!(null), false)] {
            let volume = json!({ "name": "v", "persistentVolumeClaim": { "claimName": "data" } });
            let pod = json!({ "metadata": { "name": "p" },
                "spec": { "nodeName": node, "containers": [], "volumes": [volume] } });
            let pod: Pod = serde_json::from_value(pod).expect("a Pod");
            assert_eq!(uses(&pod, "data"), used);
            assert!(!uses(&pod, "other"));
        }
    }
}
