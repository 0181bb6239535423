//! Which Pods of a Job to make, and which to delete.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use super::pod::{self, Failures, NewPod};
use super::policy::{Consequence, consequence};
use super::tally::{Seen, Tally, has_failed};
use super::{backoff, spec};
use crate::pods::first_to_delete_first;

/// The most Pods that one reconciliation makes or deletes (`MaxPodCreateDeletePerSync` in Kubernetes).
const BURST: usize = 500;

/// What is to be done about the number of Pods.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) create: Vec<NewPod>,
    /// Too many; they count neither as failed nor as succeeded.
    pub(super) delete: Vec<Arc<Pod>>,
    /// When to look again, for a failed Pod is not replaced at once.
    pub(super) again: Option<Duration>,
}

/// Brings a Job that has not ended to as many Pods as it wants.
pub(super) fn change(seen: &Seen<'_>, tally: &Tally) -> Change {
    let wanted = wanted(seen, tally);
    let surplus = tally.active.len().saturating_sub(wanted);
    let delete = surplus_pods(seen, tally, surplus);
    if !delete.is_empty() || spec::is_suspended(seen.job) {
        return Change {
            delete,
            ..Change::default()
        };
    }
    let leaving = match spec::replaces_only_ended(seen.job) {
        true => tally.terminating.len(),
        false => 0,
    };
    let missing = wanted
        .saturating_sub(tally.active.len() + leaving)
        .min(BURST);
    if missing == 0 {
        return Change::default();
    }
    if spec::backoff_limit_per_index(seen.job).is_some() {
        return replace_by_index(seen, tally, missing);
    }
    let ended = seen.pods.iter().filter(|pod| counts_for_backoff(seen, pod));
    if let Some(left) = backoff::left(ended, seen.now) {
        return Change {
            again: Some(left),
            ..Change::default()
        };
    }
    let create = match spec::is_indexed(seen.job) {
        true => open_indexes(seen, tally).take(missing).map(Some).collect(),
        false => vec![None; missing],
    };
    let new = |index| NewPod {
        index,
        failures: None,
    };
    Change {
        create: create.into_iter().map(new).collect(),
        ..Change::default()
    }
}

fn counts_for_backoff(seen: &Seen<'_>, pod: &Pod) -> bool {
    let failed = has_failed(seen.job, pod) && consequence(seen.job, pod) != Consequence::Ignore;
    failed || crate::pods::phase(pod) == "Succeeded"
}

/// How many Pods should be at work.
fn wanted(seen: &Seen<'_>, tally: &Tally) -> usize {
    let parallelism = spec::parallelism(seen.job);
    let succeeded = u32::try_from(tally.all_succeeded()).unwrap_or(0);
    match spec::completions(seen.job) {
        _ if spec::is_suspended(seen.job) => 0,
        Some(completions) => parallelism.min(completions.saturating_sub(succeeded) as usize),
        // One has said that all is done: the others finish, and none comes.
        None if succeeded > 0 => tally.active.len(),
        None => parallelism,
    }
}

/// Active Pods to delete: those of indexes that are not wanted or held twice, and more up to `surplus`.
fn surplus_pods(seen: &Seen<'_>, tally: &Tally, surplus: usize) -> Vec<Arc<Pod>> {
    let mut held = HashSet::new();
    let is_useless = |one: &Arc<Pod>| {
        spec::is_indexed(seen.job)
            && !pod::index_within(seen.job, one).is_some_and(|index| held.insert(index))
    };
    let (mut delete, mut rest): (Vec<_>, Vec<_>) =
        tally.active.iter().cloned().partition(is_useless);
    let more = surplus.saturating_sub(delete.len());
    if more > 0 {
        first_to_delete_first(&mut rest, &HashMap::new(), seen.now);
        delete.extend(rest.into_iter().take(more));
    }
    delete.truncate(BURST);
    delete
}

/// The indexes that nobody works on and that have not ended, the lowest first.
fn open_indexes<'a>(seen: &'a Seen<'_>, tally: &'a Tally) -> impl Iterator<Item = u32> + 'a {
    let mut at_work: HashSet<u32> = tally
        .active
        .iter()
        .filter_map(|one| pod::index(one))
        .collect();
    if spec::replaces_only_ended(seen.job) {
        at_work.extend(tally.terminating.iter().filter_map(|one| pod::index(one)));
    }
    let end = spec::completions(seen.job).unwrap_or(0);
    let failed = tally.failed_indexes.as_ref();
    (0..end).filter(move |index| {
        !at_work.contains(index)
            && !tally.succeeded_indexes.contains(*index)
            && !failed.is_some_and(|failed| failed.contains(*index))
    })
}

/// Indexes that fail by themselves also wait by themselves.
fn replace_by_index(seen: &Seen<'_>, tally: &Tally, missing: usize) -> Change {
    let last = last_failures(seen);
    let mut change = Change::default();
    for index in open_indexes(seen, tally) {
        if change.create.len() == missing {
            break;
        }
        let failures = last.get(&index).map(|one| failures_with(seen, one));
        let wait = last.get(&index).and_then(|one| {
            let counted = failures.unwrap_or_default().counted;
            backoff::left_after(counted, backoff::ended_at(one)?, seen.now)
        });
        match wait {
            Some(wait) => change.again = Some(change.again.map_or(wait, |again| again.min(wait))),
            None => change.create.push(NewPod {
                index: Some(index),
                failures: Some(failures.unwrap_or_default()),
            }),
        }
    }
    change
}

/// How often an index has failed, its last Pod included.
fn failures_with(seen: &Seen<'_>, last: &Pod) -> Failures {
    let mut failures = pod::earlier_failures(last);
    match consequence(seen.job, last) {
        Consequence::Ignore => failures.ignored += 1,
        _ => failures.counted += 1,
    }
    failures
}

/// The failed Pod of each index that was made last.
fn last_failures<'a>(seen: &Seen<'a>) -> HashMap<u32, &'a Arc<Pod>> {
    let total = |one: &Pod| {
        let failures = pod::earlier_failures(one);
        failures.counted + failures.ignored
    };
    let mut last: HashMap<u32, &Arc<Pod>> = HashMap::new();
    for one in seen.pods.iter().filter(|one| has_failed(seen.job, one)) {
        let Some(index) = pod::index_within(seen.job, one) else {
            continue;
        };
        let known = last.entry(index).or_insert(one);
        if total(one) > total(known) {
            *known = one;
        }
    }
    last
}
