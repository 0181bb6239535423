//! What Pods may take of the node's disk: pure
//! (<https://kubernetes.io/docs/concepts/storage/ephemeral-storage/#resource-emphemeralstorage-consumption>).

use k8s_openapi::api::core::v1::{Container, Pod};
use skiff_api::Quantity;

use super::usage::{PodUsage, empty_dirs};
use crate::disk_usage::DiskUsage;
use crate::pods::object::{self, Role};

const RESOURCE: &str = "ephemeral-storage";

/// Whether the Pod has a limit that is to be watched over.
pub(crate) fn has_limits(pod: &Pod) -> bool {
    has_container_limits(pod) || volume_limits(pod).next().is_some()
}

/// Whether what its containers write counts.
pub(crate) fn has_container_limits(pod: &Pod) -> bool {
    object::containers(pod).any(|(_, container)| limit(container).is_some())
}

/// The first limit that the Pod has passed, in the kubelet's words: of a volume, of all its containers, of one. `split` says
/// whether what containers write is on another disk.
pub(crate) fn passed(pod: &Pod, usage: &PodUsage, split: bool) -> Option<String> {
    passed_by_volume(pod, usage)
        .or_else(|| passed_by_pod(pod, usage, split))
        .or_else(|| passed_by_container(pod, usage, split))
}

fn passed_by_volume(pod: &Pod, usage: &PodUsage) -> Option<String> {
    let used = |name: &str| usage.volumes.iter().find(|(known, _)| known == name);
    volume_limits(pod).find_map(|(name, limit)| {
        let (_, used) = used(name)?;
        // Go's `%q` of a quantity is the text in quotes.
        is_over(*used, limit)
            .then(|| format!("Usage of EmptyDir volume \"{name}\" exceeds the limit \"{limit}\". "))
    })
}

fn passed_by_pod(pod: &Pod, usage: &PodUsage, split: bool) -> Option<String> {
    let limit = total_limit(pod)?;
    let rootfs = if split {
        DiskUsage::default()
    } else {
        usage.rootfs()
    };
    is_over(usage.nodefs() + rootfs, limit).then(|| {
        format!("Pod ephemeral local storage usage exceeds the total limit of containers {limit}. ")
    })
}

fn passed_by_container(pod: &Pod, usage: &PodUsage, split: bool) -> Option<String> {
    object::containers(pod).find_map(|(_, container)| {
        let (name, limit) = (&container.name, limit(container)?);
        let used = usage.containers.iter().find(|one| one.name == *name)?;
        let rootfs = if split {
            DiskUsage::default()
        } else {
            used.rootfs
        };
        is_over(used.logs + rootfs, limit).then(|| {
            format!("Container {name} exceeded its local ephemeral storage limit \"{limit}\". ")
        })
    })
}

fn is_over(used: DiskUsage, limit: Quantity) -> bool {
    i64::try_from(used.bytes).unwrap_or(i64::MAX) > limit.value()
}

/// The limits of `emptyDir` volumes on disk; those in memory are the kernel's to keep.
fn volume_limits(pod: &Pod) -> impl Iterator<Item = (&str, Quantity)> {
    empty_dirs(pod).filter_map(|volume| {
        let limit = volume.empty_dir.as_ref()?.size_limit.as_ref()?;
        let limit = Quantity::of(limit).ok()?;
        (limit > Quantity::ZERO).then_some((volume.name.as_str(), limit))
    })
}

fn limit(container: &Container) -> Option<Quantity> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    Quantity::of(limits.get(RESOURCE)?).ok()
}

/// What the containers may take at the same time, if any of them has a limit. An init container runs beside the sidecars
/// before it, and before all others.
fn total_limit(pod: &Pod) -> Option<Quantity> {
    let (mut together, mut most) = (None::<Quantity>, None);
    for (role, container) in object::containers(pod) {
        let Some(limit) = limit(container) else {
            continue;
        };
        let with = together.map_or(limit, |known| known + limit);
        match role {
            Role::Init => most = most.max(Some(with)),
            _ => together = Some(with),
        }
    }
    most.max(together)
}

#[cfg(test)]
mod tests {
    use super::super::usage::ContainerUsage;
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({ "spec": spec })).expect("a Pod")
    }

    fn container(name: &str, limit: &str) -> Value {
        json!({"name": name, "resources": {"limits": {"ephemeral-storage": limit}}})
    }

    const fn kib(kib: u64) -> DiskUsage {
        DiskUsage {
            bytes: kib << 10,
            inodes: 1,
        }
    }

    /// Of the containers `a` and `b` and the volume `cache`.
    fn uses(a: DiskUsage, b: DiskUsage, cache: DiskUsage) -> PodUsage {
        let container = |name: &str, logs| ContainerUsage {
            name: name.to_owned(),
            rootfs: kib(100),
            logs,
            ..ContainerUsage::default()
        };
        PodUsage {
            containers: vec![container("a", a), container("b", b)],
            volumes: vec![("cache".to_owned(), cache)],
            ..PodUsage::default()
        }
    }

    #[test]
    fn who_takes_more_than_allowed_is_told_what() {
        let volume = |source: Value| {
            json!({"containers": [{"name": "a"}],
                "volumes": [{"name": "cache", "emptyDir": source}]})
        };
        let two = json!({"containers": [container("a", "1Mi"), container("b", "2Mi")]});
        let one = json!({"containers": [container("a", "1Mi"), {"name": "b"}]});
        let init = json!({"initContainers": [container("i", "9Mi")], "containers": [container("a", "1Mi"), container("b", "1Mi")]});
        for (spec, usage, expected) in [
            (
                volume(json!({"sizeLimit": "1Mi"})),
                uses(kib(1), kib(1), kib(1024)),
                "",
            ),
            (
                volume(json!({"sizeLimit": "1Mi"})),
                uses(kib(1), kib(1), kib(1025)),
                "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\". ",
            ),
            (
                volume(json!({"sizeLimit": "1Mi", "medium": "Memory"})),
                uses(kib(1), kib(1), kib(1025)),
                "",
            ),
            (volume(json!({})), uses(kib(1), kib(1), kib(1 << 20)), ""),
            (two.clone(), uses(kib(900), kib(900), kib(1)), ""),
            (
                two.clone(),
                uses(kib(1000), kib(1), kib(1)),
                "Container a exceeded its local ephemeral storage limit \"1Mi\". ",
            ),
            (
                two,
                uses(kib(900), kib(900), kib(2000)),
                "Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ",
            ),
            (
                one,
                uses(kib(1), kib(900), kib(1)),
                "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
            ),
            (
                init,
                uses(kib(1), kib(1000), kib(3000)),
                "Container b exceeded its local ephemeral storage limit \"1Mi\". ",
            ),
        ] {
            let told = passed(&pod(spec.clone()), &usage, false).unwrap_or_default();
            assert_eq!(told, expected, "{spec}");
        }
    }

    #[test]
    fn what_is_on_another_disk_does_not_count() {
        let limited = pod(json!({"containers": [container("a", "101Ki")]}));
        let usage = uses(kib(50), kib(0), kib(0));
        assert!(passed(&limited, &usage, false).is_some());
        assert_eq!(passed(&limited, &usage, true), None);
    }

    #[test]
    fn only_pods_with_limits_are_looked_at() {
        let empty_dir = |source: Value| json!({"containers": [], "volumes": [{"name": "v", "emptyDir": source}]});
        for (spec, limits, of_containers) in [
            (json!({"containers": [{"name": "a"}]}), false, false),
            (empty_dir(json!({})), false, false),
            (empty_dir(json!({"sizeLimit": "0"})), false, false),
            (empty_dir(json!({"sizeLimit": "1Mi"})), true, false),
            (json!({"containers": [container("a", "1Mi")]}), true, true),
        ] {
            let pod = pod(spec.clone());
            let found = (has_limits(&pod), has_container_limits(&pod));
            assert_eq!(found, (limits, of_containers), "{spec}");
        }
    }
}
