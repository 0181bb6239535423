//! Which Pods are lost.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use crate::pods::node_of;

/// How long a node must be gone before its Pods are: it may be about to return under its old name.
const QUARANTINE: Duration = Duration::from_secs(40);

/// What becomes of a Pod.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A kubelet or the scheduler takes care of it.
    Keep,
    /// Its node is gone; look again after this time.
    Wait(Duration),
    /// It is removed, without waiting for a kubelet; first it is marked failed for this reason, if any.
    Remove(Option<&'static str>),
}

/// Judges a Pod; `node_gone` says for how long its node has been gone, if it is.
pub(super) fn fate(pod: &Pod, node_gone: Option<Duration>) -> Fate {
    let deleting = pod.metadata.deletion_timestamp.is_some();
    match (node_of(pod), node_gone) {
        (None, _) if deleting => Fate::Remove(None),
        (None, _) | (Some(_), None) => Fate::Keep,
        (Some(_), Some(gone)) => match QUARANTINE.checked_sub(gone) {
            Some(left) if !left.is_zero() => Fate::Wait(left),
            _ => Fate::Remove(Some("PodGC: node no longer exists")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_without_a_kubelet_are_lost() {
        let seconds = Duration::from_secs;
        let gone = Fate::Remove(Some("PodGC: node no longer exists"));
        let cases = [
            (None, false, None, Fate::Keep),
            (None, true, None, Fate::Remove(None)),
            (Some("n1"), false, None, Fate::Keep),
            (Some("n1"), true, None, Fate::Keep),
            (
                Some("n1"),
                false,
                Some(seconds(10)),
                Fate::Wait(seconds(30)),
            ),
            (Some("n1"), false, Some(seconds(40)), gone),
        ];
        for (node, deleting, node_gone, expected) in cases {
            let pod = serde_json::from_value(json!({
                "metadata": {"deletionTimestamp": deleting.then_some("2026-01-01T00:00:00Z")},
                "spec": {"nodeName": node, "containers": []}}))
            .unwrap();
            assert_eq!(
                fate(&pod, node_gone),
                expected,
                "{node:?} {deleting} {node_gone:?}"
            );
        }
    }
}
