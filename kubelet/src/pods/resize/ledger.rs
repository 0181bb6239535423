//! The book of one Pod's resources.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

use super::applied::Applied;
use super::change::{self, Change};
use super::refusal::Refusal;
use crate::pods::cgroup::Limits;
use crate::pods::seen::Seen;
use crate::pods::step::{Failure, Step};

/// The delays of a change that does not work.
const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LAST: SignedDuration = SignedDuration::from_secs(160);

/// What the cgroups of a Pod were set to, what is on the way to what it was granted, and what it was not granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resizing {
    pub(super) applied: Applied,
    /// The change that is under way.
    pub(super) step: Step,
    pub(super) failures: u32,
    /// The names of containers that were stopped to get other resources.
    pub(super) restarting: BTreeSet<String>,
    pub(super) pending: Option<Pending>,
    pub(super) in_progress: Option<InProgress>,
}

/// Why a Pod is not granted what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) why: Refusal,
    /// That of the Pod.
    pub(crate) generation: Option<i64>,
}

/// A resize that is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InProgress {
    /// That of the Pod.
    pub(crate) generation: Option<i64>,
    /// Why it did not work the last time.
    pub(crate) error: Option<String>,
}

/// How far a change came, and why no further.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) applied: Applied,
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

    /// The Pod may have what it wants now.
    pub(crate) fn grant(&mut self, generation: Option<i64>) {
        self.pending = None;
        self.failures = 0;
        self.step.hurry();
        self.in_progress = Some(InProgress {
            generation,
            error: None,
        });
    }

    /// The Pod may not have what it wants. Says whether that is news.
    pub(crate) fn refuse(&mut self, why: Refusal, generation: Option<i64>) -> bool {
        let pending = Some(Pending { why, generation });
        let is_new = self.pending != pending;
        self.pending = pending;
        is_new
    }

    /// The Pod wants what it was granted.
    pub(crate) fn withdraw(&mut self) {
        self.pending = None;
    }

    /// A sandbox is being made, and the cgroup of the Pod with it.
    pub(crate) fn sandbox_begins(&mut self, pod: &Pod) {
        self.applied.note_pod(pod);
    }

    /// A container is being started, with all that it was granted. Says whether it was stopped for that.
    pub(crate) fn container_begins(&mut self, pod: &Pod, container: &Container) -> bool {
        self.applied.note(pod, container);
        self.restarting.remove(&container.name)
    }

    /// A container is being stopped to get other resources.
    pub(crate) fn container_stops(&mut self, name: &str) {
        self.restarting.insert(name.to_owned());
    }

    /// A change is under way; returns what the Pod's cgroup has before it.
    pub(crate) fn begin(&mut self) -> Option<Limits> {
        self.step = Step::Busy;
        self.applied.limits
    }

    /// Takes in how far a change came. Returns the error if users do not know it yet; it is tried again.
    pub(crate) fn settle(
        &mut self,
        Outcome { applied, error }: Outcome,
        pod: &Pod,
        now: Timestamp,
    ) -> Option<String> {
        match applied.limits {
            Some(limits) if limits == Limits::of(pod) => self.applied.note_pod(pod),
            limits => self.applied.limits = limits,
        }
        self.applied.containers.extend(applied.containers);
        let Some(message) = error else {
            self.step = Step::Todo;
            self.failures = 0;
            self.in_progress.iter_mut().for_each(|one| one.error = None);
            return None;
        };
        let in_progress = self.in_progress.get_or_insert(InProgress {
            generation: pod.metadata.generation,
            error: None,
        });
        let is_new = in_progress.error.as_ref() != Some(&message);
        in_progress.error = Some(message.clone());
        let failure = Failure::growing(message.clone(), now, self.failures, FIRST, LAST);
        self.step = Step::Failed(failure);
        self.failures = self.failures.saturating_add(1);
        is_new.then_some(message)
    }

    /// Ends a resize, once, when the Pod has all that it was granted.
    pub(crate) fn finish(&mut self, pod: &Pod, seen: &Seen) -> Option<InProgress> {
        let is_done = self.restarting.is_empty() && change::is_done(pod, seen, &self.applied);
        if is_done {
            self.applied.note_pod(pod);
        }
        self.in_progress.take_if(|_| is_done)
    }

    /// The next change, while a resize is in progress.
    pub(crate) fn next(&self, pod: &Pod, seen: &Seen) -> Option<Change> {
        self.in_progress.as_ref()?;
        change::next(pod, seen, &self.applied)
    }

    /// How it is with the change that is under way.
    pub(crate) fn step(&self) -> &Step {
        &self.step
    }

    /// Whether it is time to restart a container for what it is granted now: all that can change without that has.
    pub(crate) fn restarts(&self, container: &Container, pod: &Pod, seen: &Seen) -> bool {
        self.in_progress.is_some()
            && change::must_restart(pod, container, &self.applied)
            && change::next(pod, seen, &self.applied).is_none()
    }

    /// Whether a container was stopped to get other resources, and does not run yet.
    pub(crate) fn is_restarting(&self, name: &str) -> bool {
        self.restarting.contains(name)
    }

    /// Whether any was.
    pub(crate) fn is_any_restarting(&self) -> bool {
        !self.restarting.is_empty()
    }

    /// What a container that runs has, if it is known.
    pub(crate) fn has(&self, container: &str) -> Option<&ResourceRequirements> {
        let has = self.applied.containers.get(container)?;
        Some(&has.resources)
    }

    /// What the Pod has by itself, beside its containers.
    pub(crate) fn pod_has(&self) -> Option<&ResourceRequirements> {
        self.applied.of_pod.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::object;
    use crate::pods::resize::RefusalKind;
    use serde_json::json;

    fn pod(cpu: &str) -> Pod {
        let resources = json!({"requests": {"cpu": cpu}});
        let containers = ["a", "b"].map(|name| json!({"name": name, "resources": resources}));
        let pod = json!({"spec": {"containers": containers}});
        serde_json::from_value(pod).expect("a Pod")
    }

    /// The first of two containers got what it was granted.
    fn half(error: &str) -> Outcome {
        let mut applied = Applied {
            limits: Some(Limits::of(&pod("2"))),
            ..Applied::default()
        };
        let granted = pod("2");
        applied.note(&granted, &object::app_containers(&granted)[0]);
        Outcome {
            applied,
            error: Some(error.to_owned()),
        }
    }

    #[test]
    fn what_failed_in_part_is_told_once_and_tried_again_later() {
        let now = Timestamp::UNIX_EPOCH;
        let (old, new) = (pod("1"), pod("2"));
        let mut resizing = Resizing::settled(&old);
        resizing.grant(Some(2));
        assert_eq!(resizing.begin(), Some(Limits::of(&old)));
        let told = |resizing: &mut Resizing, error| resizing.settle(half(error), &new, now);
        assert_eq!(told(&mut resizing, "busy").as_deref(), Some("busy"));
        assert_eq!(told(&mut resizing, "busy"), None);
        assert_eq!(told(&mut resizing, "gone").as_deref(), Some("gone"));
        let delay = resizing.step().failure().map(|failure| failure.delay);
        assert_eq!(delay, Some(SignedDuration::from_secs(40)));
        let in_progress = resizing.in_progress.clone().expect("a resize");
        assert_eq!(in_progress.error.as_deref(), Some("gone"));
        let has = |resizing: &Resizing, name| {
            let requests = resizing.has(name).and_then(|has| has.requests.clone());
            requests.and_then(|all| all.get("cpu").map(|cpu| cpu.0.clone()))
        };
        assert_eq!(has(&resizing, "a").as_deref(), Some("2"));
        assert_eq!(has(&resizing, "b").as_deref(), Some("1"));

        let done = Outcome {
            applied: Applied::of(&new),
            error: None,
        };
        assert_eq!(resizing.settle(done, &new, now), None);
        assert_eq!(resizing.step(), &Step::Todo);
        let finished = resizing.finish(&new, &Seen::default());
        assert_eq!(
            finished.map(|one| (one.generation, one.error)),
            Some((Some(2), None))
        );
        assert_eq!(resizing.finish(&new, &Seen::default()), None);
    }

    #[test]
    fn a_refusal_is_news_once() {
        let refusal = |message: &str| Refusal {
            kind: RefusalKind::Deferred,
            message: message.to_owned(),
        };
        let mut resizing = Resizing::default();
        assert!(resizing.refuse(refusal("full"), Some(2)));
        assert!(!resizing.refuse(refusal("full"), Some(2)));
        assert!(resizing.refuse(refusal("full"), Some(3)));
        resizing.withdraw();
        assert!(resizing.refuse(refusal("full"), Some(3)));
    }
}
