use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skiff_kubelet::{
    CniConfig, Containerd, ContainerdConfig, ContainerdProcess, Runtime, cgroup_parent,
};
use tempfile::TempDir;

/// A node with a containerd and busybox.
pub(crate) struct Node {
    pub(crate) runtime: Containerd,
    pub(crate) containerd: Option<ContainerdProcess>,
    dir: TempDir,
}

impl Node {
    pub(crate) async fn start() -> Node {
        let node = Node::start_empty(|_| {}).await;
        let archive = busybox().join("image.tar");
        let names = node.runtime.import_image(archive).await.unwrap();
        assert_eq!(names, ["docker.io/library/busybox:1.28"]);
        node
    }

    /// Without an image, and configured otherwise.
    pub(crate) async fn start_empty(configure: impl FnOnce(&mut ContainerdConfig)) -> Node {
        let dir = tempfile::Builder::new()
            .prefix("skiff-kubelet-")
            .tempdir()
            .unwrap();
        let mut config = ContainerdConfig::new(dir.path());
        configure(&mut config);
        let containerd = start_containerd(config).await;
        let runtime = Containerd::connect(containerd.socket(), dir.path());
        let node = Node {
            runtime,
            containerd: Some(containerd),
            dir,
        };
        let network = CniConfig::new(
            "10.244.7.0/24".parse().unwrap(),
            "10.244.0.0/16".parse().unwrap(),
        );
        network.apply(node.data_dir()).await.unwrap();
        node.runtime.await_network().await.unwrap();
        node
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn containerd_pid(&self) -> Pid {
        let pid = self.containerd.as_ref().and_then(|process| process.pid());
        Pid::from_raw(i32::try_from(pid.expect("containerd runs")).unwrap())
    }

    /// Lets go of containerd as a skiff that is killed does, and starts as the next one does.
    pub(crate) async fn start_again(&mut self) {
        self.containerd = None;
        self.containerd = Some(start_containerd(ContainerdConfig::new(self.data_dir())).await);
    }

    /// Removes all Pods.
    pub(crate) async fn remove_pods(&self) {
        for pod in self.runtime.list().await.unwrap() {
            self.runtime.stop_sandbox(&pod.sandbox.id).await.unwrap();
            self.runtime.remove_sandbox(&pod.sandbox.id).await.unwrap();
        }
        assert_eq!(self.runtime.list().await.unwrap().len(), 0);
    }

    /// Removes all Pods and ends containerd.
    pub(crate) async fn end(mut self) {
        self.remove_pods().await;
        self.containerd.take().unwrap().stop().await;
        let left = self.processes();
        assert!(left.is_empty(), "processes are left: {left:?}");
    }

    /// Processes that name this node's folder: its containerd and shims.
    fn processes(&self) -> Vec<Pid> {
        let mark = self.data_dir().as_os_str().as_encoded_bytes();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.windows(mark.len()).any(|window| window == mark)
        })
        .map(Pid::from_raw)
        .collect()
    }
}

impl Drop for Node {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let log = fs::read_to_string(self.data_dir().join("containerd/containerd.log"));
        if std::thread::panicking() {
            eprintln!("containerd said:\n{}", log.unwrap_or_default());
        }
        for pid in self.processes() {
            for child in children(pid) {
                let _ = kill(child, Signal::SIGKILL);
            }
            let _ = kill(pid, Signal::SIGKILL);
        }
        let parent = cgroup_parent(self.data_dir());
        for hierarchy in fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten()
        {
            let _ = fs::remove_dir(hierarchy.path().join(parent.trim_start_matches('/')));
        }
    }
}

fn children(pid: Pid) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    let pids = listed.split_whitespace().filter_map(|pid| pid.parse().ok());
    pids.map(Pid::from_raw).collect()
}

async fn start_containerd(config: ContainerdConfig) -> ContainerdProcess {
    ContainerdProcess::start(config).await.expect("containerd")
}

/// The image of busybox that the end-to-end tests make from Debian's package, as an OCI layout.
pub(super) fn busybox_layout() -> PathBuf {
    busybox().join("layout")
}

/// The folder that the end-to-end tests keep that image in; they make it if it is not there.
fn busybox() -> PathBuf {
    let made = || -> Option<PathBuf> {
        let cache = env::current_exe()
            .ok()?
            .ancestors()
            .nth(3)?
            .join("e2e-cache");
        let kept = fs::read_dir(cache)
            .ok()?
            .flatten()
            .map(|entry| entry.path());
        let images = kept.filter(|path| path.to_string_lossy().contains("image-busybox-1.28-"));
        images
            .filter(|path| path.join("image.tar").is_file())
            .last()
    };
    made()
        .or_else(|| {
            let make = ["run", "--quiet", "-p", "skiff-e2e", "--bin", "test-images"];
            let status = Command::new(env!("CARGO")).args(make).status().ok()?;
            status.success().then(made).flatten()
        })
        .expect("an image of busybox")
}
