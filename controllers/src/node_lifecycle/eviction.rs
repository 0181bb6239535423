//! Pods leave a node for its NoExecute taints, as soon as they tolerate them no longer
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions>).

use std::collections::{BTreeMap, HashMap};
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

/// How long a Pod with these tolerations may stay on a node with these NoExecute taints, each with the time since when it
/// is there for the Pod.
fn stay(taints: &[(Taint, Timestamp)], tolerations: &[Toleration], now: Timestamp) -> Stay {
    let mut least = Stay::ForEver;
    for (taint, since) in taints {
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
        let passed = Duration::try_from(now.duration_since(*since)).unwrap_or_default();
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

/// The Pods that are to leave, each as long as it is there.
#[derive(Default)]
pub(super) struct Clocks(Mutex<HashMap<ObjectKey, Clock>>);

/// Since when a Pod's node has the taints that do not say it themselves, as those of `kubectl taint`: by key.
#[derive(Default)]
struct Clock {
    uid: Option<String>,
    seen: BTreeMap<String, Timestamp>,
}

impl Clocks {
    /// Since when each taint is there for the Pod: no longer than the Pod itself. Another Pod of that name begins anew.
    fn read(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        taints: Vec<Taint>,
        now: Timestamp,
    ) -> Vec<(Taint, Timestamp)> {
        let mut clocks = self.0.lock();
        let clock = clocks.entry(key.clone()).or_default();
        if clock.uid != pod.uid() {
            *clock = Clock {
                uid: pod.uid(),
                ..Clock::default()
            };
        }
        clock
            .seen
            .retain(|key, _| taints.iter().any(|taint| taint.key == *key));
        let made = pod.metadata.creation_timestamp.as_ref();
        let made = made.map_or(Timestamp::MIN, |time| time.0);
        let since = |taint: &Taint, clock: &mut Clock| match &taint.time_added {
            Some(added) => added.0.max(made),
            None => *clock.seen.entry(taint.key.clone()).or_insert(now),
        };
        let read = taints.into_iter().map(|taint| {
            let since = since(&taint, clock);
            (taint, since)
        });
        read.collect()
    }

    /// Whether the Pod was to leave when it was last looked at.
    fn runs(&self, key: &ObjectKey, pod: &Pod) -> bool {
        let clocks = self.0.lock();
        clocks.get(key).is_some_and(|clock| clock.uid == pod.uid())
    }

    /// The Pod is not to leave, or has left.
    fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
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
            self.clocks.forget(&key);
            return Ok(Next::Done);
        };
        let spec = pod.spec.as_ref();
        let tolerations = spec.and_then(|spec| spec.tolerations.as_deref());
        let taints = no_execute(&node);
        let now = Timestamp::now();
        let was_to_leave = self.clocks.runs(&key, &pod);
        let taints = self.clocks.read(&key, &pod, taints, now);
        let stay = stay(&taints, tolerations.unwrap_or_default(), now);
        match stay {
            Stay::ForEver => {
                self.clocks.forget(&key);
                if was_to_leave {
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
                vec![lost],
                vec![toleration(lost, for_ever), toleration(lost, json!(30))],
                Stay::For(Duration::from_secs(20)),
            ),
        ];
        let [since, now] = times(["2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"]);
        for (taints, tolerations, expected) in cases {
            let all: Vec<_> = taints.iter().map(|key| (taint(key, None), since)).collect();
            let parsed: Vec<Toleration> = serde_json::from_value(json!(tolerations)).unwrap();
            assert_eq!(
                stay(&all, &parsed, now),
                expected,
                "{taints:?} {tolerations:?}"
            );
        }
    }

    fn times<const N: usize>(texts: [&str; N]) -> [Timestamp; N] {
        texts.map(|text| text.parse().unwrap())
    }

    fn taint(key: &str, added: Option<&str>) -> Taint {
        let taint = json!({"key": key, "effect": "NoExecute", "timeAdded": added});
        serde_json::from_value(taint).unwrap()
    }

    #[test]
    fn each_taint_has_its_own_time() {
        let pod = |uid: &str| -> Pod {
            let made = "2026-01-01T00:00:05Z";
            serde_json::from_value(json!({"metadata": {"uid": uid, "creationTimestamp": made}}))
                .unwrap()
        };
        let [made, first, later, last] = times([
            "2026-01-01T00:00:05Z",
            "2026-01-01T00:00:06Z",
            "2026-01-01T00:00:07Z",
            "2026-01-01T00:00:08Z",
        ]);
        let (clocks, key) = (Clocks::default(), ObjectKey::new("default", "a"));
        let read = |uid: &str, taints: &[Taint], now| -> Vec<Timestamp> {
            let read = clocks.read(&key, &pod(uid), taints.to_vec(), now);
            read.into_iter().map(|(_, since)| since).collect()
        };
        let old = taint("old", Some("2025-01-01T00:00:00Z"));
        let (a, b) = (taint("a", None), taint("b", None));
        assert_eq!(read("1", &[old.clone(), a.clone()], first), [made, first]);
        assert_eq!(read("1", &[a.clone(), b.clone()], later), [first, later]);
        // One that was taken away and comes again.
        assert_eq!(read("1", std::slice::from_ref(&b), last), [later]);
        assert_eq!(read("1", &[a.clone(), b], last), [last, later]);
        assert_eq!(read("2", &[a], last), [last]);
        assert!(clocks.runs(&key, &pod("2")) && !clocks.runs(&key, &pod("1")));
        clocks.forget(&key);
        assert!(!clocks.runs(&key, &pod("2")));
    }
}
