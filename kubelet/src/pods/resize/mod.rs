//! Pods whose resources are changed while they run (KEP-1287).
//!
//! ```text
//!   wanted, as in the spec ──► Place in the Room: has the node so much? ──► granted: the Pod that its worker knows
//!                                        └──► Pending ──► status                     │
//!                              status ◄── Resizing ◄── Applied ◄── Change ◄── next ◄─┘
//! ```
//!
//! What is granted is written down nowhere else: the API server knows of a resize before anything is changed, and what the
//! containers have until then; a kubelet that starts again decides anew.

mod change;
mod granted;
mod message;
mod room;

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::step::Step;

pub(crate) use self::change::{Applied, Change, is_done, must_restart, next};
pub(crate) use self::granted::{as_told, with_resources_of};
pub(crate) use self::message::message;
pub(crate) use self::room::{Place, Room};

/// The condition of a Pod that wants what it is not granted.
pub(crate) const PENDING: &str = "PodResizePending";
/// The condition of a Pod that does not have yet what it is granted.
pub(crate) const IN_PROGRESS: &str = "PodResizeInProgress";
const ERROR: &str = "Error";

/// How far a resize of a Pod is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resizing {
    pub(crate) applied: Applied,
    /// The change that is under way.
    pub(crate) step: Step,
    pub(crate) failures: u32,
    /// The names of containers that were stopped to get other resources.
    pub(crate) restarting: BTreeSet<String>,
    pub(crate) pending: Option<Pending>,
    pub(crate) in_progress: Option<InProgress>,
}

/// Why a Pod is not granted what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) why: Refusal,
    /// That of the Pod.
    pub(crate) generation: Option<i64>,
}

/// Why the node does not have so much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    /// In the kubelet's words.
    pub(crate) message: String,
}

/// Whether it ever will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// When others have left.
    Deferred,
    /// Never.
    Infeasible,
}

impl RefusalKind {
    /// The reason of the condition.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            RefusalKind::Deferred => "Deferred",
            RefusalKind::Infeasible => "Infeasible",
        }
    }

    /// The reason of the event.
    pub(crate) fn event(self) -> &'static str {
        match self {
            RefusalKind::Deferred => "ResizeDeferred",
            RefusalKind::Infeasible => "ResizeInfeasible",
        }
    }
}

/// A resize that is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InProgress {
    /// That of the Pod.
    pub(crate) generation: Option<i64>,
    /// Why it did not work the last time.
    pub(crate) error: Option<String>,
}

impl Resizing {
    /// The Pod's cgroups are as it says: none is changed yet.
    pub(crate) fn settled(pod: &Pod) -> Self {
        Self {
            applied: Applied::of(pod),
            ..Self::default()
        }
    }

    /// What a kubelet before this one has told of the Pod. If a resize was in progress, nobody knows how far it came with
    /// the Pod's cgroup; `pod` has what its containers were told to have.
    pub(crate) fn resumed(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let told = |name: &str| {
            let mut all = conditions.unwrap_or_default().iter();
            all.find(|one| one.type_ == name)
        };
        let pending = told(PENDING).map(|one| Pending {
            why: Refusal {
                kind: match one.reason.as_deref() {
                    Some("Infeasible") => RefusalKind::Infeasible,
                    _ => RefusalKind::Deferred,
                },
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
            type_: PENDING.to_owned(),
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
        assert_eq!(resumed.in_progress.and_then(|one| one.generation), Some(2));
        assert_eq!(resumed.applied.limits, None);
        for (memory, expected) in [("128Mi", true), ("64Mi", false)] {
            let granted = pod(memory);
            let container = &object::app_containers(&granted)[0];
            assert_eq!(must_restart(container, &resumed.applied), expected);
        }
    }
}
