//! What to do next for a DaemonSet.

use super::seen::{Place, Plan, Seen};
use super::{members, rollout};

/// The most Pods that one reconciliation makes or deletes (`BurstReplicas` in Kubernetes).
const BURST: usize = 250;

/// Plans the next step: first every Pod comes to its place, then an update goes on.
pub(super) fn plan(seen: &Seen<'_>, places: &[Place]) -> Plan {
    let mut plan = Plan::default();
    if seen.set.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    members::put_in_place(seen, places, &mut plan);
    if plan.delete.is_empty() && plan.create.is_empty() {
        rollout::step(seen, places, &mut plan);
    }
    plan.delete.truncate(BURST);
    plan.create.truncate(BURST);
    plan
}
