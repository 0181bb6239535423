//! How many Pods to make, or which to delete.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::pods::first_to_delete_first;

/// The most Pods that one reconciliation makes or deletes (`BurstReplicas` in Kubernetes).
const BURST: usize = 500;

/// What is to be done about the number of Pods.
#[derive(Debug)]
pub(super) enum Plan {
    /// There are as many as wanted.
    Nothing,
    /// So many more are wanted.
    Create(usize),
    /// These are too many.
    Delete(Vec<Arc<Pod>>),
}

/// Compares the `active` Pods with the `wanted` number. `neighbours` counts, by node, the active Pods of all ReplicaSets
/// of the same owner: of two equal Pods the one with more neighbours goes first.
pub(super) fn plan(
    wanted: i32,
    mut active: Vec<Arc<Pod>>,
    neighbours: &HashMap<String, usize>,
    now: Timestamp,
) -> Plan {
    let wanted = usize::try_from(wanted).unwrap_or(0);
    if active.len() < wanted {
        return Plan::Create((wanted - active.len()).min(BURST));
    }
    let surplus = (active.len() - wanted).min(BURST);
    if surplus == 0 {
        return Plan::Nothing;
    }
    if surplus < active.len() {
        first_to_delete_first(&mut active, neighbours, now);
        active.truncate(surplus);
    }
    Plan::Delete(active)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(count: usize) -> Vec<Arc<Pod>> {
        (0..count).map(|_| Arc::new(Pod::default())).collect()
    }

    #[test]
    fn the_number_of_pods_is_brought_to_what_is_wanted() {
        let cases = [
            (0, 3, "create 3"),
            (3, 3, "nothing"),
            (5, 3, "delete 2"),
            (2, 0, "delete 2"),
            (0, 10_000, "create 500"),
            (2, -1, "delete 2"),
        ];
        for (seen, wanted, expected) in cases {
            let plan = match plan(wanted, pods(seen), &HashMap::new(), Timestamp::UNIX_EPOCH) {
                Plan::Nothing => "nothing".to_owned(),
                Plan::Create(count) => format!("create {count}"),
                Plan::Delete(pods) => format!("delete {}", pods.len()),
            };
            assert_eq!(plan, expected, "{seen} of {wanted}");
        }
    }
}
