//! The book of resources as users see it, and as the next kubelet finds it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use skiff_api::pod_resources::RESIZE_PENDING;

use super::applied::Applied;
use super::ledger::{InProgress, Pending, Resizing};
use super::refusal::{Refusal, RefusalKind};

/// The condition of a Pod that does not have yet what it is granted.
const IN_PROGRESS: &str = "PodResizeInProgress";
const ERROR: &str = "Error";

/// Whether a condition is about a resize.
pub(crate) fn is_condition(name: &str) -> bool {
    [RESIZE_PENDING, IN_PROGRESS].contains(&name)
}

impl Resizing {
    /// What a kubelet before this one has told of the Pod. If a resize was in progress, nobody knows how far it came with
    /// the Pod's cgroup; `pod` has what its containers were told to have.
    pub(crate) fn resumed(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let told = |name: &str| {
            let mut all = conditions.unwrap_or_default().iter();
            all.find(|one| one.type_ == name)
        };
        let pending = told(RESIZE_PENDING).map(|one| Pending {
            why: Refusal {
                kind: RefusalKind::of_reason(one.reason.as_deref()),
                message: one.message.clone().unwrap_or_default(),
            },
            generation: one.observed_generation,
        });
        let Some(one) = told(IN_PROGRESS) else {
            return Self {
                pending,
                ..Self::settled(pod)
            };
        };
        Self {
            applied: Applied {
                limits: None,
                ..Applied::of(pod)
            },
            pending,
            in_progress: Some(InProgress {
                generation: one.observed_generation,
                error: one.message.clone(),
            }),
            ..Self::default()
        }
    }

    /// The conditions that users see; `old` are those that they saw last.
    pub(crate) fn conditions(&self, old: &[PodCondition], now: Timestamp) -> Vec<PodCondition> {
        let pending = self.pending.as_ref().map(|pending| PodCondition {
            type_: RESIZE_PENDING.to_owned(),
            reason: Some(pending.why.kind.reason().to_owned()),
            message: Some(pending.why.message.clone()),
            observed_generation: pending.generation,
            ..PodCondition::default()
        });
        let in_progress = self.in_progress.as_ref().map(|one| PodCondition {
            type_: IN_PROGRESS.to_owned(),
            reason: one.error.as_ref().map(|_| ERROR.to_owned()),
            message: one.error.clone(),
            observed_generation: one.generation,
            ..PodCondition::default()
        });
        let all = pending.into_iter().chain(in_progress);
        all.map(|one| {
            let known = old.iter().find(|known| known.type_ == one.type_);
            let since = known.and_then(|known| known.last_transition_time.clone());
            PodCondition {
                status: "True".to_owned(),
                last_transition_time: since.or(Some(Time(now))),
                ..one
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::object;
    use crate::pods::resize::change::must_restart;
    use serde_json::json;

    #[test]
    fn a_container_that_must_be_restarted_is_known_to_the_next_kubelet() {
        let pod = |memory: &str| -> Pod {
            let pod = json!({
                "spec": {"containers": [{
                    "name": "a",
                    "resources": {"limits": {"memory": memory}},
                    "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}],
                }]},
                "status": {"conditions": [{"type": IN_PROGRESS, "status": "True", "observedGeneration": 2}]},
            });
            serde_json::from_value(pod).expect("a Pod")
        };
        let resumed = Resizing::resumed(&pod("64Mi"));
        let in_progress = resumed.in_progress.as_ref();
        assert_eq!(in_progress.and_then(|one| one.generation), Some(2));
        assert_eq!(resumed.applied.limits, None);
        for (memory, expected) in [("128Mi", true), ("64Mi", false)] {
            let granted = pod(memory);
            let container = &object::app_containers(&granted)[0];
            assert_eq!(
                must_restart(&granted, container, &resumed.applied),
                expected
            );
        }
    }

    #[test]
    fn a_resize_that_does_not_work_says_why() {
        let resizing = Resizing {
            in_progress: Some(InProgress {
                generation: Some(2),
                error: Some("busy".to_owned()),
            }),
            ..Resizing::default()
        };
        let [told] = &resizing.conditions(&[], Timestamp::UNIX_EPOCH)[..] else {
            panic!("one condition");
        };
        let words = [&told.reason, &told.message].map(|words| words.as_deref());
        assert_eq!(words, [Some("Error"), Some("busy")]);
        assert_eq!(
            (told.type_.as_str(), told.observed_generation),
            (IN_PROGRESS, Some(2))
        );
    }
}
