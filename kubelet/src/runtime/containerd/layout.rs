use std::path::{Path, PathBuf};

/// Where everything of containerd is, below the cluster's data directory.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    data_dir: PathBuf,
}

impl Layout {
    pub(super) fn new(data_dir: &Path) -> Layout {
        Layout {
            data_dir: data_dir.to_owned(),
        }
    }

    /// containerd's own folder.
    pub(super) fn dir(&self) -> PathBuf {
        self.data_dir.join("containerd")
    }

    /// Images and snapshots.
    pub(super) fn root(&self) -> PathBuf {
        self.dir().join("root")
    }

    /// What runs: shims, network namespaces.
    pub(super) fn state(&self) -> PathBuf {
        self.dir().join("state")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir().join("containerd.sock")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.dir().join("config.toml")
    }

    /// The process id of the containerd that was started last.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.dir().join("containerd.pid")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir().join("containerd.log")
    }

    /// The FIFOs of exec sessions.
    pub(super) fn exec(&self) -> PathBuf {
        self.data_dir.join("exec")
    }

    /// One folder a registry, each with a `hosts.toml`.
    pub(super) fn registries(&self) -> PathBuf {
        self.dir().join("certs.d")
    }

    pub(super) fn cni_conf_dir(&self) -> PathBuf {
        self.data_dir.join("cni/net.d")
    }

    /// The addresses that host-local has given out.
    pub(super) fn cni_networks(&self) -> PathBuf {
        self.data_dir.join("cni/networks")
    }
}
