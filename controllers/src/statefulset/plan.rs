//! Which Pods of a StatefulSet to make and to delete next
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees>).

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use super::{identity, spec};
use crate::pods::{Availability, availability, is_terminal, phase};

/// What is seen.
pub(super) struct Seen<'a> {
    pub(super) set: &'a StatefulSet,
    /// All Pods of the set, whatever their state.
    pub(super) pods: &'a [Arc<Pod>],
    /// The name of the revision that Pods had before the update.
    pub(super) current: &'a str,
    /// The name of the revision of the set's template.
    pub(super) update: &'a str,
    pub(super) now: Timestamp,
}

/// Which revision a Pod is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    /// What Pods had before the update.
    Current,
    /// The set's template.
    Update,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Make the Pod of that ordinal.
    Create(i32, Revision),
    /// Delete a Pod.
    Delete(Arc<Pod>),
}

/// The next things to do, in order. For an ordered set that is one thing, or nothing while a Pod is awaited.
pub(super) fn plan(seen: &Seen<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    if seen.set.metadata.deletion_timestamp.is_some() {
        return actions;
    }
    let slots = Slots::of(seen);
    let settled = fill(seen, &slots, &mut actions) && shrink(seen, &slots, &mut actions);
    if settled && !spec::updates_on_delete(seen.set) {
        update(seen, &slots, &mut actions);
    }
    actions
}

/// The Pods by what they are for.
struct Slots<'a> {
    /// Of the wanted ordinals, from the lowest.
    wanted: Vec<(i32, Option<&'a Arc<Pod>>)>,
    /// Of other ordinals, from the highest.
    condemned: Vec<&'a Arc<Pod>>,
}

impl<'a> Slots<'a> {
    fn of(seen: &Seen<'a>) -> Self {
        let ordinals = spec::ordinals(seen.set);
        let ordinal = |pod: &Arc<Pod>| identity::ordinal(seen.set, pod).unwrap_or(-1);
        let of = |wanted: i32| seen.pods.iter().find(|pod| ordinal(pod) == wanted);
        let mut condemned: Vec<_> = seen
            .pods
            .iter()
            .filter(|pod| !ordinals.contains(&ordinal(pod)))
            .collect();
        condemned.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
        Self {
            wanted: ordinals.map(|wanted| (wanted, of(wanted))).collect(),
            condemned,
        }
    }

    fn first_unhealthy(&self, seen: &Seen<'_>) -> Option<&'a Arc<Pod>> {
        let wanted = self.wanted.iter().filter_map(|(_, pod)| *pod);
        let condemned = self.condemned.iter().rev().copied();
        wanted.chain(condemned).find(|pod| !is_healthy(pod, seen))
    }
}

/// Makes what is missing and replaces what has ended; says whether the next step may follow.
fn fill(seen: &Seen<'_>, slots: &Slots<'_>, actions: &mut Vec<Action>) -> bool {
    let ordered = spec::is_ordered(seen.set);
    for (ordinal, pod) in &slots.wanted {
        let settled = match pod {
            None => {
                actions.push(Action::Create(*ordinal, revision_for(seen, *ordinal)));
                false
            }
            Some(pod) if is_terminal(pod) => {
                // The next one is made when this one is gone.
                delete(pod, actions);
                false
            }
            Some(pod) => is_healthy(pod, seen),
        };
        if ordered && !settled {
            return false;
        }
    }
    true
}

/// Deletes what is too much, the highest ordinal first; says whether the next step may follow.
fn shrink(seen: &Seen<'_>, slots: &Slots<'_>, actions: &mut Vec<Action>) -> bool {
    let ordered = spec::is_ordered(seen.set);
    let first_unhealthy = slots.first_unhealthy(seen);
    for pod in &slots.condemned {
        let waits_for_other = first_unhealthy.is_some_and(|first| !Arc::ptr_eq(first, pod));
        let held = ordered && !is_healthy(pod, seen) && waits_for_other;
        if !held {
            delete(pod, actions);
        }
        if ordered {
            return false;
        }
    }
    true
}

/// Replaces Pods of an old revision, from the highest ordinal down to the partition.
fn update(seen: &Seen<'_>, slots: &Slots<'_>, actions: &mut Vec<Action>) {
    let healthy = |pod: &Option<&Arc<Pod>>| pod.is_some_and(|pod| is_healthy(pod, seen));
    let unavailable = slots.wanted.iter().filter(|(_, pod)| !healthy(pod)).count();
    let mut spare = spec::max_unavailable(seen.set).saturating_sub(unavailable);
    let first = spec::ordinals(seen.set)
        .start
        .saturating_add(spec::partition(seen.set));
    for (ordinal, pod) in slots.wanted.iter().rev() {
        let Some(pod) = pod else { continue };
        if *ordinal < first || identity::revision(pod) == seen.update {
            continue;
        }
        // A Pod that serves nobody can go at once.
        if is_healthy(pod, seen) {
            if spare == 0 {
                continue;
            }
            spare -= 1;
        }
        delete(pod, actions);
    }
}

fn delete(pod: &Arc<Pod>, actions: &mut Vec<Action>) {
    if pod.metadata.deletion_timestamp.is_none() {
        actions.push(Action::Delete(pod.clone()));
    }
}

/// Whether it runs, has been ready for long enough and stays.
fn is_healthy(pod: &Pod, seen: &Seen<'_>) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && phase(pod) == "Running"
        && availability(pod, spec::min_ready_seconds(seen.set), seen.now) == Availability::Available
}

/// Below the partition, Pods keep the revision they had.
fn revision_for(seen: &Seen<'_>, ordinal: i32) -> Revision {
    let first_updated = spec::ordinals(seen.set)
        .start
        .saturating_add(spec::partition(seen.set));
    let keeps = ordinal < first_updated && !spec::updates_on_delete(seen.set);
    if keeps && seen.current != seen.update {
        Revision::Current
    } else {
        Revision::Update
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::ResourceExt;
    use serde_json::{Value, json};

    /// `name@revision state`, where the state is ready, starting, failed or deleting.
    fn pod(text: &str) -> Arc<Pod> {
        let (name, rest) = text.split_once('@').unwrap();
        let (revision, state) = rest.split_once(' ').unwrap();
        let phase = if state == "failed" {
            "Failed"
        } else {
            "Running"
        };
        Arc::new(
            serde_json::from_value(json!({
                "metadata": {"name": name, "labels": {"controller-revision-hash": revision},
                    "deletionTimestamp": (state == "deleting").then_some("2026-01-01T00:00:00Z")},
                "status": {"phase": phase, "conditions": [
                    {"type": "Ready", "status": if matches!(state, "ready" | "deleting") { "True" } else { "False" }}]},
            }))
            .unwrap(),
        )
    }

    fn planned(spec: Value, pods: &[&str]) -> Vec<String> {
        let mut set = json!({"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": {}, "template": {}}});
        for (key, value) in spec.as_object().unwrap() {
            set["spec"][key] = value.clone();
        }
        let set = serde_json::from_value(set).unwrap();
        let pods: Vec<_> = pods.iter().map(|text| pod(text)).collect();
        let now = Timestamp::UNIX_EPOCH;
        let seen = Seen {
            set: &set,
            pods: &pods,
            current: "old",
            update: "new",
            now,
        };
        let show = |action: Action| match action {
            Action::Create(ordinal, revision) => format!("create {ordinal} {revision:?}"),
            Action::Delete(pod) => format!("delete {}", pod.name_any()),
        };
        plan(&seen).into_iter().map(show).collect()
    }

    #[test]
    fn an_ordered_set_takes_one_step_at_a_time() {
        let cases: [(Value, &[&str], &[&str]); 12] = [
            (json!({}), &[], &["create 0 Update"]),
            (json!({}), &["web-0@new starting"], &[]),
            (json!({}), &["web-0@new ready"], &["create 1 Update"]),
            (json!({}), &["web-0@new failed"], &["delete web-0"]),
            (
                json!({}),
                &["web-0@new ready", "web-2@new ready"],
                &["create 1 Update"],
            ),
            (
                json!({"replicas": 1}),
                &["web-0@new ready", "web-1@new ready", "web-2@new ready"],
                &["delete web-2"],
            ),
            (
                json!({"replicas": 1}),
                &["web-0@new ready", "web-1@new ready", "web-2@new deleting"],
                &[],
            ),
            (
                json!({"replicas": 1}),
                &["web-0@new starting", "web-1@new ready"],
                &[],
            ),
            // The only Pod that is not healthy is the one to go.
            (
                json!({"replicas": 1}),
                &["web-0@new ready", "web-1@new starting"],
                &["delete web-1"],
            ),
            (
                json!({}),
                &["web-0@old ready", "web-1@old ready", "web-2@old ready"],
                &["delete web-2"],
            ),
            (
                json!({}),
                &["web-0@old ready", "web-1@old ready", "web-2@new ready"],
                &["delete web-1"],
            ),
            (
                json!({"ordinals": {"start": 5}, "replicas": 2}),
                &["web-5@new ready"],
                &["create 6 Update"],
            ),
        ];
        for (spec, pods, expected) in cases {
            assert_eq!(planned(spec.clone(), pods), expected, "{spec} {pods:?}");
        }
    }

    #[test]
    fn updates_keep_to_their_strategy() {
        let all_old = ["web-0@old ready", "web-1@old ready", "web-2@old ready"];
        let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
        let partition =
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
        let two = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}});
        let cases: [(&Value, &[&str], &[&str]); 6] = [
            (&on_delete, &all_old, &[]),
            (&on_delete, &all_old[1..], &["create 0 Update"]),
            (&partition, &all_old, &["delete web-2"]),
            (
                &partition,
                &["web-0@old ready", "web-1@old ready", "web-2@new ready"],
                &[],
            ),
            (&partition, &all_old[1..], &["create 0 Current"]),
            (&two, &all_old, &["delete web-2", "delete web-1"]),
        ];
        for (spec, pods, expected) in cases {
            assert_eq!(planned(spec.clone(), pods), expected, "{spec} {pods:?}");
        }
    }

    #[test]
    fn a_parallel_set_does_all_at_once() {
        let spec = |replicas: i32| json!({"replicas": replicas, "podManagementPolicy": "Parallel"});
        assert_eq!(
            planned(spec(2), &[]),
            ["create 0 Update", "create 1 Update"]
        );
        assert_eq!(
            planned(
                spec(1),
                &[
                    "web-0@new starting",
                    "web-1@new ready",
                    "web-2@new starting"
                ]
            ),
            ["delete web-2", "delete web-1"]
        );
    }
}
