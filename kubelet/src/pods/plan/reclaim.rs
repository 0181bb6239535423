//! What may go of a Pod when the disk is short.

use super::{Action, Input, Life, life};
use crate::pods::object;

/// The removal of its dead containers: all of a Pod that is over, else all but the last of each name, which has its state and log
/// (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#reclaim-node-resources>).
pub(crate) fn reclaimable(input: &Input<'_>) -> Vec<Action> {
    let is_over = object::is_terminal(input.pod) && life(input) == Life::Over;
    let kept = usize::from(!is_over);
    let named = input.seen.containers.values();
    let old = named.flat_map(|all| &all[..all.len().saturating_sub(kept)]);
    let stopping = &input.progress.stopping;
    let dead = old.filter(|one| one.exit().is_some() && !stopping.contains(&one.id));
    dead.map(|one| Action::RemoveContainer { id: one.id.clone() })
        .collect()
}
