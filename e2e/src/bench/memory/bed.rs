//! A cluster of its own whose memory is looked at.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::client::ApiServer;
use crate::bench::inside::Inside;
use crate::bench::options::Load;
use crate::bench::resources::Process;
use crate::{Cluster, Namespace};

/// How long after a load memory that was needed for it alone has been given back.
const SETTLING: Duration = Duration::from_secs(10);

/// What something takes that holds the Pods.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) resident_mib: f64,
    pub(super) disk_bytes: f64,
}

/// A cluster, and who asks it from its own network.
pub(super) struct Bed {
    pub(super) inside: Inside,
    pub(super) server: ApiServer,
    skiff: Process,
    cluster: Cluster,
}

impl Bed {
    pub(super) fn make(load: &Load) -> Result<Self> {
        let cluster = Cluster::start(&[])?;
        let inside = Inside::of(cluster.namespace())?;
        let kubeconfig = cluster.home().join("kubeconfig");
        Ok(Self {
            server: ApiServer::from_kubeconfig(&kubeconfig, load.protocol)?,
            skiff: Process::of_pid_file(&cluster.data_dir().join("skiff.pid"))?,
            inside,
            cluster,
        })
    }

    /// The network of the cluster's machine.
    pub(super) fn namespace(&self) -> &Namespace {
        self.cluster.namespace()
    }

    /// A folder on the disk that the cluster writes to.
    pub(super) fn folder(&self) -> &Path {
        self.cluster.home()
    }

    /// What all of skiff takes when it has come to rest, in MiB.
    pub(super) fn resident_mib(&self) -> Result<f64> {
        resident_mib(&self.skiff)
    }

    /// What the store takes on disk, in bytes.
    pub(super) fn on_disk(&self) -> Result<f64> {
        on_disk(&self.cluster.data_dir().join("store"))
    }
}

/// What a process takes when it has come to rest, in MiB.
pub(super) fn resident_mib(process: &Process) -> Result<f64> {
    sleep(SETTLING);
    process.resident_mib()
}

/// What the files below a folder take, in bytes.
pub(super) fn on_disk(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => on_disk(&entry.path())?,
            false => allocated(&entry.metadata()?),
        };
    }
    Ok(bytes)
}

/// Logs are written into files that are made longer before.
fn allocated(file: &fs::Metadata) -> f64 {
    use std::os::unix::fs::MetadataExt;
    // stat(2) counts in units of 512 bytes whatever the file system's are.
    file.blocks() as f64 * 512.0
}
