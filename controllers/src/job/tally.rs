//! Counts the Pods of a Job, each once.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use skiff_api::IndexSet;

use super::conditions::{self, Target};
use super::policy::{Consequence, consequence};
use super::{pod, spec};
use crate::ownership::uid_of;
use crate::pods::{is_active, is_terminal, is_terminating, phase};

/// What is seen.
pub(super) struct Seen<'a> {
    pub(super) job: &'a Job,
    /// All Pods that it controls, whatever their state.
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) now: Timestamp,
}

impl Seen<'_> {
    /// The status as it is.
    pub(super) fn status(&self) -> JobStatus {
        self.job.status.clone().unwrap_or_default()
    }
}

/// The Pods of a Job by what became of them.
pub(super) struct Tally {
    /// Those that are to come or at work.
    pub(super) active: Vec<Arc<Pod>>,
    /// Those that are being deleted and still at work.
    pub(super) terminating: Vec<Arc<Pod>>,
    /// Those that succeeded and are counted for good.
    pub(super) succeeded: i32,
    /// Those that failed and are counted for good.
    pub(super) failed: i32,
    /// The uids of those that ended and keep their finalizer until the status names them.
    pub(super) uncounted: Uncounted,
    /// Those that may lose their finalizer as soon as this tally is in the status.
    pub(super) release: Vec<Arc<Pod>>,
    /// The indexes that succeeded.
    pub(super) succeeded_indexes: IndexSet,
    /// The indexes that failed for good, if indexes fail by themselves.
    pub(super) failed_indexes: Option<IndexSet>,
}

/// Uids of Pods that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uncounted {
    pub(super) succeeded: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
}

impl Uncounted {
    fn of(status: &JobStatus) -> Self {
        let pods = status.uncounted_terminated_pods.clone().unwrap_or_default();
        let set = |uids: Option<Vec<String>>| uids.into_iter().flatten().collect();
        Self {
            succeeded: set(pods.succeeded),
            failed: set(pods.failed),
        }
    }

    /// As the status has it.
    pub(super) fn written(&self) -> UncountedTerminatedPods {
        let list =
            |uids: &BTreeSet<String>| (!uids.is_empty()).then(|| uids.iter().cloned().collect());
        UncountedTerminatedPods {
            succeeded: list(&self.succeeded),
            failed: list(&self.failed),
        }
    }

    /// Whether all that ended is counted for good.
    pub(super) fn is_empty(&self) -> bool {
        self.succeeded.is_empty() && self.failed.is_empty()
    }
}

impl Tally {
    /// Counts what is seen.
    pub(super) fn of(seen: &Seen<'_>) -> Self {
        let status = seen.status();
        let select = |test: fn(&Pod) -> bool| -> Vec<Arc<Pod>> {
            seen.pods.iter().filter(|pod| test(pod)).cloned().collect()
        };
        let mut tally = Self {
            active: select(is_active),
            terminating: select(is_terminating),
            succeeded: status.succeeded.unwrap_or(0),
            failed: status.failed.unwrap_or(0),
            uncounted: Uncounted::of(&status),
            release: Vec::new(),
            succeeded_indexes: succeeded_indexes(seen, &status),
            failed_indexes: None,
        };
        tally.settle(seen);
        tally.take_in(seen);
        if spec::is_indexed(seen.job) {
            tally.succeeded = count(tally.succeeded_indexes.count());
        }
        if spec::backoff_limit_per_index(seen.job).is_some() {
            tally.failed_indexes = Some(tally.indexes_that_failed(seen, &status));
            tally.hold_last_failures(seen);
        }
        tally
    }

    /// All that succeeded.
    pub(super) fn all_succeeded(&self) -> i32 {
        self.succeeded + count(self.uncounted.succeeded.len())
    }

    /// All that failed.
    pub(super) fn all_failed(&self) -> i32 {
        self.failed + count(self.uncounted.failed.len())
    }

    /// Counts for good those that lost their finalizer after the status had named them.
    fn settle(&mut self, seen: &Seen<'_>) {
        let tracked: BTreeSet<&str> = seen
            .pods
            .iter()
            .filter(|pod| pod::is_tracked(pod))
            .map(|pod| uid_of(&**pod))
            .collect();
        let settle = |uids: &mut BTreeSet<String>| {
            let before = uids.len();
            uids.retain(|uid| tracked.contains(uid.as_str()));
            count(before - uids.len())
        };
        self.succeeded += settle(&mut self.uncounted.succeeded);
        self.failed += settle(&mut self.uncounted.failed);
    }

    /// Takes in those that have ended.
    fn take_in(&mut self, seen: &Seen<'_>) {
        let target = conditions::target(seen.job);
        let failing = matches!(&target, Some(Target::Failure(_)));
        let succeeding = matches!(&target, Some(Target::Success(_)));
        for one in seen.pods.iter().filter(|pod| pod::is_tracked(pod)) {
            let uid = uid_of(&**one).to_owned();
            let deleting = one.metadata.deletion_timestamp.is_some();
            let known =
                self.uncounted.succeeded.contains(&uid) || self.uncounted.failed.contains(&uid);
            if phase(one) == "Succeeded" {
                // Indexes are counted by themselves.
                if !known && !spec::is_indexed(seen.job) {
                    self.uncounted.succeeded.insert(uid);
                }
            } else if has_failed(seen.job, one) || (failing && deleting) {
                let counts = consequence(seen.job, one) != Consequence::Ignore;
                let of_success = succeeding && !is_terminal(one);
                if !known && counts && !of_success && has_place(seen.job, one) {
                    self.uncounted.failed.insert(uid);
                }
            } else if !(succeeding && deleting) && seen.job.metadata.deletion_timestamp.is_none() {
                continue;
            }
            self.release.push(one.clone());
        }
    }

    fn indexes_that_failed(&self, seen: &Seen<'_>, status: &JobStatus) -> IndexSet {
        let end = spec::completions(seen.job).unwrap_or(0);
        let before = status.failed_indexes.as_deref().and_then(IndexSet::parse);
        let limit = spec::backoff_limit_per_index(seen.job).unwrap_or(0);
        let failed_now = seen.pods.iter().filter(|one| has_failed(seen.job, one));
        let for_good = failed_now.filter(|one| match consequence(seen.job, one) {
            Consequence::FailIndex => true,
            Consequence::Ignore => false,
            _ => pod::earlier_failures(one).counted >= limit,
        });
        let indexes = for_good
            .filter_map(|one| pod::index_within(seen.job, one))
            .filter(|index| !self.succeeded_indexes.contains(*index));
        before
            .unwrap_or_default()
            .below(end)
            .union(&indexes.collect())
    }

    /// The last failed Pod of an index knows how often the index has failed: it stays until its successor knows.
    fn hold_last_failures(&mut self, seen: &Seen<'_>) {
        if conditions::target(seen.job).is_some() || seen.job.metadata.deletion_timestamp.is_some()
        {
            return;
        }
        let open = |index: u32| {
            let is_failed = self
                .failed_indexes
                .as_ref()
                .is_some_and(|set| set.contains(index));
            !is_failed && !self.succeeded_indexes.contains(index)
        };
        let total = |one: &Pod| {
            let failures = pod::earlier_failures(one);
            failures.counted + failures.ignored
        };
        let has_successor = |one: &Pod| {
            let later = |other: &&Arc<Pod>| {
                pod::index(other) == pod::index(one) && total(other) > total(one)
            };
            seen.pods.iter().any(|other| later(&other))
        };
        let held = |one: &Pod| {
            has_failed(seen.job, one)
                && pod::index_within(seen.job, one).is_some_and(open)
                && !has_successor(one)
        };
        let released: Vec<_> = self
            .release
            .iter()
            .filter(|one| !held(one))
            .cloned()
            .collect();
        self.release = released;
    }
}

/// Whether it counts as failed: a Pod that is deleted before it could fail does too, unless its Job waits for its end.
pub(super) fn has_failed(job: &Job, pod: &Pod) -> bool {
    let gone = pod.metadata.deletion_timestamp.is_some() && !spec::replaces_only_ended(job);
    match phase(pod) {
        "Failed" => true,
        "Succeeded" => false,
        _ => gone,
    }
}

/// Whether it works on a completion that the Job has.
fn has_place(job: &Job, one: &Pod) -> bool {
    !spec::is_indexed(job) || pod::index_within(job, one).is_some()
}

fn succeeded_indexes(seen: &Seen<'_>, status: &JobStatus) -> IndexSet {
    let end = spec::completions(seen.job).unwrap_or(0);
    let before = status
        .completed_indexes
        .as_deref()
        .and_then(IndexSet::parse);
    // An index that has failed for good stays so, also if a Pod of it that was deleted ended well.
    let failed = status.failed_indexes.as_deref().and_then(IndexSet::parse);
    let failed = failed.unwrap_or_default();
    let now = seen
        .pods
        .iter()
        .filter(|one| pod::is_tracked(one) && phase(one) == "Succeeded")
        .filter_map(|one| pod::index_within(seen.job, one))
        .filter(|index| !failed.contains(*index));
    before.unwrap_or_default().below(end).union(&now.collect())
}

pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
