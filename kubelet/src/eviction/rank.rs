//! Which Pod goes first: pure
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction>).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, wanted};

use super::usage::PodUsage;
use crate::disk_usage::DiskUsage;
use crate::pods::object;
use crate::thresholds::{Resource, Signal};

/// A Pod whose end would give back less than this goes for nothing, and stays. It is not the one that fills the node.
const LEAST_BYTES: i64 = 1 << 20;
const LEAST_INODES: i64 = 100;
const LEAST_PIDS: i64 = 10;

/// The Pods that may be evicted because of `signal`, the first one first: those that use more than they asked for, then the less
/// important, then those that use most beyond what they asked for. `split` says whether images have a disk of their own.
pub(crate) fn rank(
    signal: Signal,
    pods: &[Arc<Pod>],
    usage: &HashMap<String, PodUsage>,
    split: bool,
) -> Vec<Arc<Pod>> {
    let least = match signal.resource() {
        Resource::Memory | Resource::EphemeralStorage => LEAST_BYTES,
        Resource::Inodes => LEAST_INODES,
        Resource::Pids => LEAST_PIDS,
    };
    let mut candidates: Vec<(i64, &Arc<Pod>)> = pods
        .iter()
        .filter(|pod| !object::is_critical(pod) && !object::is_terminal(pod))
        .filter_map(|pod| {
            let used = used(signal, usage.get(object::uid(pod))?, split);
            (used >= least).then(|| (used - requested(signal.resource(), pod), pod))
        })
        .collect();
    candidates.sort_by_key(|(excess, pod)| (*excess <= 0, object::priority(pod), Reverse(*excess)));
    let sorted = candidates.into_iter();
    sorted.map(|(_, pod)| pod.clone()).collect()
}

/// What the end of a Pod gives back.
fn used(signal: Signal, usage: &PodUsage, split: bool) -> i64 {
    let disk = || match signal {
        _ if !split => usage.rootfs() + usage.nodefs(),
        Signal::ImagefsAvailable | Signal::ImagefsInodesFree => usage.rootfs(),
        _ => usage.nodefs(),
    };
    let DiskUsage { bytes, inodes } = disk();
    let amount = match signal.resource() {
        Resource::Memory => usage.memory_bytes(),
        Resource::EphemeralStorage => bytes,
        Resource::Inodes => inodes,
        Resource::Pids => usage.pids,
    };
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// What the Pod asked for.
fn requested(resource: Resource, pod: &Pod) -> i64 {
    let spec = pod.spec.as_ref();
    let asked = spec.map(|spec| wanted(spec, Bound::Request));
    let amount = asked.and_then(|all| all.get(&resource.to_string()).copied());
    amount.map_or(0, Quantity::value)
}

#[cfg(test)]
mod tests {
    use super::super::usage::ContainerUsage;
    use super::*;
    use serde_json::json;

    const MIB: u64 = 1 << 20;

    fn pod(uid: &str, priority: i32, request: &str) -> Arc<Pod> {
        let asks = json!({"requests": {"memory": request, "ephemeral-storage": request}});
        let pod = json!({"metadata": {"uid": uid}, "spec": {"priority": priority,
            "containers": [{"name": "a", "resources": asks}]}});
        Arc::new(serde_json::from_value(pod).expect("a Pod"))
    }

    fn uses(uid: &str, memory_mib: u64, rootfs_mib: u64, volume_mib: u64) -> (String, PodUsage) {
        let disk = |mib: u64| DiskUsage {
            bytes: mib * MIB,
            inodes: mib * 10,
        };
        let usage = PodUsage {
            containers: vec![ContainerUsage {
                name: "a".to_owned(),
                memory_bytes: memory_mib * MIB,
                rootfs: disk(rootfs_mib),
                ..ContainerUsage::default()
            }],
            volumes: vec![("cache".to_owned(), disk(volume_mib))],
            ..PodUsage::default()
        };
        (uid.to_owned(), usage)
    }

    #[test]
    fn whoever_uses_more_than_asked_goes_first_then_the_less_important() {
        let pods = [
            pod("modest", 0, "100Mi"),
            pod("important", 1000, "0"),
            pod("greedy", 0, "10Mi"),
            pod("greedier", 0, "20Mi"),
            pod("critical", 2_000_000_000, "0"),
            pod("tiny", 0, "0"),
            pod("unseen", 0, "0"),
        ];
        let usage: HashMap<String, PodUsage> = [
            uses("modest", 90, 0, 0),
            uses("important", 500, 0, 0),
            uses("greedy", 50, 0, 0),
            uses("greedier", 80, 0, 0),
            uses("critical", 900, 0, 0),
            uses("tiny", 0, 0, 0),
        ]
        .into();
        let ranked = rank(Signal::MemoryAvailable, &pods, &usage, false);
        let ranked: Vec<&str> = ranked.iter().map(|pod| object::uid(pod)).collect();
        assert_eq!(ranked, ["greedier", "greedy", "important", "modest"]);
    }

    #[test]
    fn only_who_has_something_on_the_disk_that_is_full_can_relieve_it() {
        use Signal::*;
        let pods = [pod("writes", 0, "0"), pod("caches", 0, "0")];
        let usage: HashMap<String, PodUsage> =
            [uses("writes", 0, 30, 0), uses("caches", 0, 0, 20)].into();
        for (signal, split, expected) in [
            (NodefsAvailable, false, vec!["writes", "caches"]),
            (ImagefsAvailable, false, vec!["writes", "caches"]),
            (NodefsAvailable, true, vec!["caches"]),
            (ImagefsAvailable, true, vec!["writes"]),
            (NodefsInodesFree, false, vec!["writes", "caches"]),
            (ImagefsInodesFree, true, vec!["writes"]),
            (PidAvailable, false, vec![]),
        ] {
            let ranked = rank(signal, &pods, &usage, split);
            let ranked: Vec<&str> = ranked.iter().map(|pod| object::uid(pod)).collect();
            assert_eq!(ranked, expected, "{signal:?} {split}");
        }
    }

    #[test]
    fn of_process_ids_nobody_asks_for_any_so_the_less_important_goes_first() {
        let pods = [
            pod("many", 0, "0"),
            pod("more", 0, "0"),
            pod("important", 10, "0"),
            pod("few", -1, "0"),
        ];
        let uses = |uid: &str, pids| {
            let usage = PodUsage {
                pids,
                ..PodUsage::default()
            };
            (uid.to_owned(), usage)
        };
        let all = [
            uses("many", 20),
            uses("more", 30),
            uses("important", 99),
            uses("few", 9),
        ];
        let ranked = rank(Signal::PidAvailable, &pods, &all.into(), false);
        let ranked: Vec<&str> = ranked.iter().map(|pod| object::uid(pod)).collect();
        assert_eq!(ranked, ["more", "many", "important"]);
    }
}
