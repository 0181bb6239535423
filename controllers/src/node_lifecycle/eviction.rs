//! Pods leave a node for its NoExecute taints, as soon as they tolerate them no longer
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions>).

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use parking_lot::Mutex;
use serde_json::json;
use skiff_client::EventType::Normal;
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::taints::no_execute;
use crate::context::Context;
use crate::ownership::uid_of;
use crate::pods::{node_of, tolerates};
use crate::writes::{is_gone, only};

/// When a Pod must leave.
#[derive(Debug, PartialEq, Eq)]
enum Stay {
    ForEver,
    For(Duration),
    Over,
}

/// How long a Pod with these tolerations may stay on a node with these NoExecute taints. A taint that does not say since when
/// it is there, as `kubectl taint` makes them, is there since `begun`.
fn stay(taints: &[Taint], tolerations: &[Toleration], begun: Timestamp, now: Timestamp) -> Stay {
    let mut least = Stay::ForEver;
    for taint in taints {
        let tolerated: Vec<_> = tolerations
            .iter()
            .filter(|one| tolerates(one, taint))
            .collect();
        if tolerated.is_empty() {
            return Stay::Over;
        }
        // Of several tolerations of a taint the shortest counts; one without a time is for ever.
        let Some(seconds) = tolerated
            .iter()
            .filter_map(|one| one.toleration_seconds)
            .min()
        else {
            continue;
        };
        let since = taint.time_added.as_ref().map_or(begun, |time| time.0);
        let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let Some(left) = limit.checked_sub(passed).filter(|left| !left.is_zero()) else {
            return Stay::Over;
        };
        least = match least {
            Stay::For(shorter) => Stay::For(shorter.min(left)),
            _ => Stay::For(left),
        };
    }
    least
}

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) nodes: Informer<Node>,
    pub(super) recorder: Recorder,
    pub(super) clocks: Clocks,
}

/// Since when Pods are to leave: one entry for each that may stay for a time.
#[derive(Default)]
pub(super) struct Clocks(Mutex<HashMap<ObjectKey, (Option<String>, Timestamp)>>);

impl Clocks {
    /// When the Pod's clock was started, if it runs. Another Pod of that name has its own.
    fn begun(&self, key: &ObjectKey, pod: &Pod) -> Option<Timestamp> {
        let clocks = self.0.lock();
        let known = clocks.get(key).filter(|(uid, _)| *uid == pod.uid());
        known.map(|(_, begun)| *begun)
    }

    /// The Pod's clock runs on, or is forgotten.
    fn note(&self, key: ObjectKey, running: Option<(&Pod, Timestamp)>) {
        let mut clocks = self.0.lock();
        match running {
            Some((pod, begun)) => clocks.insert(key, (pod.uid(), begun)),
            None => clocks.remove(&key),
        };
    }
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let pod = self.context.pods.all.get(&key);
        let bound = pod
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .and_then(|pod| {
                let node = self.nodes.get(&ObjectKey::cluster(node_of(&pod)?))?;
                Some((pod, node))
            });
        let Some((pod, node)) = bound else {
            self.clocks.note(key, None);
            return Ok(Next::Done);
        };
        let spec = pod.spec.as_ref();
        let tolerations = spec.and_then(|spec| spec.tolerations.as_deref());
        let now = Timestamp::now();
        let known = self.clocks.begun(&key, &pod);
        let begun = known.unwrap_or(now);
        let taints = no_execute(&node);
        let stay = stay(&taints, tolerations.unwrap_or_default(), begun, now);
        let running = matches!(stay, Stay::For(_)).then_some((&*pod, begun));
        self.clocks.note(key, running);
        match stay {
            Stay::ForEver => {
                if known.is_some() {
                    self.tell(&pod, "Cancelling deletion of");
                }
                Ok(Next::Done)
            }
            Stay::For(left) => Ok(Next::After(left)),
            Stay::Over => Ok(self.evict(&pod).await.map(|()| Next::Done)?),
        }
    }

    fn tell(&self, pod: &Pod, what: &str) {
        let (name, namespace) = (pod.name_any(), pod.namespace().unwrap_or_default());
        let message = format!("{what} Pod {namespace}/{name}");
        let pod = pod.object_ref(&());
        self.recorder
            .event(&pod, Normal, "TaintManagerEviction", message);
    }

    async fn evict(&self, pod: &Pod) -> kube::Result<()> {
        self.tell(pod, "Marking for deletion");
        let (name, namespace) = (pod.name_any(), pod.namespace().unwrap_or_default());
        let api: Api<Pod> = Api::namespaced(self.context.client.clone(), &namespace);
        let patch = json!({ "metadata": { "uid": pod.uid() }, "status": { "conditions": [{
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": Time(Timestamp::now()),
        }] } });
        let told = api
            .patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch))
            .await;
        match told {
            Err(error) if is_gone(&error) => return Ok(()),
            told => told?,
        };
        match api.delete(&name, &only(uid_of(pod))).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn pods_stay_as_long_as_they_tolerate() {
        let (lost, for_ever) = ("node.kubernetes.io/unreachable", Value::Null);
        let toleration = |key: &str, seconds: Value| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds});
        let cases = [
            (vec![], vec![], Stay::ForEver),
            (vec![lost], vec![], Stay::Over),
            (
                vec![lost],
                vec![toleration(lost, json!(300))],
                Stay::For(Duration::from_secs(290)),
            ),
            (vec![lost], vec![toleration(lost, json!(10))], Stay::Over),
            (
                vec![lost],
                vec![toleration(lost, for_ever.clone())],
                Stay::ForEver,
            ),
            (vec![lost], vec![toleration(lost, json!(0))], Stay::Over),
            (
                vec![lost],
                vec![json!({"operator": "Exists"})],
                Stay::ForEver,
            ),
            (
                vec![lost],
                vec![toleration("other", for_ever.clone())],
                Stay::Over,
            ),
            (
                vec![lost, "x"],
                vec![toleration(lost, json!(60)), toleration("x", json!(20))],
                Stay::For(Duration::from_secs(10)),
            ),
            (
                vec!["by-hand"],
                vec![toleration("by-hand", json!(5))],
                Stay::For(Duration::from_secs(2)),
            ),
            (
                vec!["by-hand"],
                vec![toleration("by-hand", json!(3))],
                Stay::Over,
            ),
            (
                vec![lost],
                vec![toleration(lost, for_ever), toleration(lost, json!(30))],
                Stay::For(Duration::from_secs(20)),
            ),
        ];
        let [begun, now] = ["2026-01-01T00:00:07Z", "2026-01-01T00:00:10Z"];
        let [begun, now] = [begun, now].map(|time| time.parse().unwrap());
        for (taints, tolerations, expected) in cases {
            let all: Vec<Taint> = taints
                .iter()
                .map(|key| {
                    let added = (*key != "by-hand").then_some("2026-01-01T00:00:00Z");
                    let taint = json!({"key": key, "effect": "NoExecute", "timeAdded": added});
                    serde_json::from_value(taint).unwrap()
                })
                .collect();
            let parsed: Vec<Toleration> = serde_json::from_value(json!(tolerations)).unwrap();
            assert_eq!(
                stay(&all, &parsed, begun, now),
                expected,
                "{taints:?} {tolerations:?}"
            );
        }
    }
}
