//! What Pods use of what may run short.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Volume};
use kube::ResourceExt;

use crate::config::Paths;
use crate::disk_usage::{DiskUsage, disk_usage};
use crate::pods::{object, pids_of_pod};
use crate::runtime::Runtime;
use crate::stats::ContainerSample;

/// What one Pod uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodUsage {
    pub(crate) containers: Vec<ContainerUsage>,
    /// Each `emptyDir` on disk.
    pub(crate) volumes: Vec<(String, DiskUsage)>,
    /// Process ids, one a thread.
    pub(crate) pids: u64,
}

/// What one container of it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContainerUsage {
    pub(crate) name: String,
    pub(crate) memory_bytes: u64,
    /// What it wrote beside its volumes.
    pub(crate) rootfs: DiskUsage,
    pub(crate) logs: DiskUsage,
}

impl PodUsage {
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.containers.iter().map(|one| one.memory_bytes).sum()
    }

    pub(crate) fn rootfs(&self) -> DiskUsage {
        self.containers.iter().map(|one| one.rootfs).sum()
    }

    /// Logs and volumes.
    pub(crate) fn nodefs(&self) -> DiskUsage {
        let logs: DiskUsage = self.containers.iter().map(|one| one.logs).sum();
        let volumes: DiskUsage = self.volumes.iter().map(|(_, usage)| *usage).sum();
        logs + volumes
    }
}

/// What is to be looked at of a Pod's folders.
struct Folders {
    uid: String,
    logs: Vec<(String, PathBuf)>,
    volumes: Vec<(String, PathBuf)>,
}

impl Folders {
    fn of(paths: &Paths, pod: &Pod) -> Self {
        let uid = object::uid(pod);
        let namespace = pod.namespace().unwrap_or_default();
        let logs = paths.pod_logs(&namespace, &pod.name_any(), uid);
        let containers = object::containers(pod).map(|(_, container)| &container.name);
        Self {
            uid: uid.to_owned(),
            logs: containers
                .map(|name| (name.clone(), logs.join(name)))
                .collect(),
            volumes: empty_dirs(pod)
                .map(|volume| (volume.name.clone(), paths.volume(uid, &volume.name)))
                .collect(),
        }
    }

    /// The Pod's uid and what it has there.
    fn measure(self) -> (String, PodUsage) {
        let containers = self.logs.into_iter().map(|(name, path)| ContainerUsage {
            name,
            logs: disk_usage(&path),
            ..ContainerUsage::default()
        });
        let volumes = self.volumes.into_iter();
        let usage = PodUsage {
            containers: containers.collect(),
            volumes: volumes
                .map(|(name, path)| (name, disk_usage(&path)))
                .collect(),
            ..PodUsage::default()
        };
        (self.uid, usage)
    }
}

/// The volumes of the Pod that are folders on the node's disk and go with it.
pub(crate) fn empty_dirs(pod: &Pod) -> impl Iterator<Item = &Volume> {
    let spec = pod.spec.iter();
    let volumes = spec.flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter(|volume| {
        let source = volume.empty_dir.as_ref();
        source.is_some_and(|source| source.medium.as_deref() != Some("Memory"))
    })
}

/// What containers use of memory, by their Pods' uids.
pub(crate) fn of_memory(samples: Vec<ContainerSample>) -> HashMap<String, PodUsage> {
    let mut all: HashMap<String, PodUsage> = HashMap::new();
    for sample in samples {
        let usage = ContainerUsage {
            name: sample.name,
            memory_bytes: sample.memory_working_set_bytes,
            ..ContainerUsage::default()
        };
        let pod = all.entry(sample.pod_uid).or_default();
        pod.containers.push(usage);
    }
    all
}

/// How many process ids these Pods have, by their uids; `cgroups` is where those of all Pods are.
pub(crate) fn of_pids(cgroups: &str, pods: &[Arc<Pod>]) -> HashMap<String, PodUsage> {
    let counted = pods.iter().filter_map(|pod| {
        let usage = PodUsage {
            pids: pids_of_pod(cgroups, pod)?,
            ..PodUsage::default()
        };
        Some((object::uid(pod).to_owned(), usage))
    });
    counted.collect()
}

/// What these Pods use of disks, by their uids; what their containers wrote only where that is `wanted`.
///
/// # Errors
/// If the kubelet ends.
pub(crate) async fn of_disks<R: Runtime>(
    runtime: &R,
    paths: &Paths,
    pods: &[Arc<Pod>],
    wanted: impl Fn(&Pod) -> bool,
) -> io::Result<HashMap<String, PodUsage>> {
    let folders: Vec<Folders> = pods.iter().map(|pod| Folders::of(paths, pod)).collect();
    let measuring = tokio::task::spawn_blocking(move || {
        let measured = folders.into_iter().map(Folders::measure);
        measured.collect::<HashMap<_, _>>()
    });
    let mut all = measuring.await.map_err(io::Error::other)?;
    for pod in pods.iter().filter(|pod| wanted(pod)) {
        let Some(usage) = all.get_mut(object::uid(pod)) else {
            continue;
        };
        for container in &mut usage.containers {
            if let Some(id) = container_id(pod, &container.name) {
                // One that is gone has nothing any more.
                container.rootfs = runtime.written_by(id).await.unwrap_or_default();
            }
        }
    }
    Ok(all)
}

/// The runtime's id of a container, as the API server knows it.
fn container_id<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let known = object::known_status(pod.status.as_ref(), name)?;
    let (_, id) = known.container_id.as_deref()?.split_once("://")?;
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn logs_and_volumes_on_disk_are_measured() {
        let dir = tempfile::tempdir().expect("a folder");
        let paths = Paths::new(dir.path());
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u"},
            "spec": {"containers": [{"name": "a"}], "volumes": [
                {"name": "cache", "emptyDir": {}},
                {"name": "fast", "emptyDir": {"medium": "Memory"}},
                {"name": "host", "hostPath": {"path": "/"}}]},
            "status": {"containerStatuses": [{"name": "a", "containerID": "containerd://c1"}]}}))
        .expect("a Pod");
        let write = |path: PathBuf, kib: usize| {
            std::fs::create_dir_all(&path).expect("made");
            std::fs::write(path.join("file"), vec![1; kib << 10]).expect("written");
        };
        write(paths.volume("u", "cache"), 512);
        write(paths.volume("u", "fast"), 512);
        write(paths.pod_logs("ns", "web", "u").join("a"), 256);
        let (uid, usage) = Folders::of(&paths, &pod).measure();
        assert_eq!(uid, "u");
        let (kib, inodes) = (usage.nodefs().bytes >> 10, usage.nodefs().inodes);
        assert!((768..1024).contains(&kib), "{kib} KiB");
        assert_eq!(inodes, 4, "two folders with a file each");
        assert_eq!(container_id(&pod, "a"), Some("c1"));
    }
}
