//! What was used up to a moment.

use jiff::Timestamp;

use super::host::{CpuTotal, HostSample};
use crate::runtime::cri::{ContainerStats, UInt64Value};
use crate::runtime::{Runtime, RuntimeError, labels};

/// What a container that runs uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerSample {
    /// The runtime's id.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) pod: String,
    pub(crate) namespace: String,
    pub(crate) pod_uid: String,
    pub(crate) cpu: CpuTotal,
    pub(crate) memory_working_set_bytes: u64,
    /// What it wrote beside its volumes.
    pub(crate) rootfs_bytes: u64,
    pub(crate) rootfs_inodes: u64,
}

/// What the node and all its containers use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) host: HostSample,
    pub(crate) containers: Vec<ContainerSample>,
}

impl Sample {
    /// Looks now.
    pub(crate) async fn take(runtime: &impl Runtime) -> Result<Self, RuntimeError> {
        let stats = runtime.container_stats().await?;
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        Ok(Self {
            host: HostSample::look(now),
            containers: stats.into_iter().filter_map(container).collect(),
        })
    }
}

/// A container of a Pod that runs; others have no figures.
fn container(stats: ContainerStats) -> Option<ContainerSample> {
    let mut attributes = stats.attributes?;
    let cpu = stats.cpu?;
    let mut label = |key: &str| attributes.labels.remove(key);
    let number = |value: Option<UInt64Value>| value.map_or(0, |value| value.value);
    let layer = stats.writable_layer.unwrap_or_default();
    Some(ContainerSample {
        name: label(labels::CONTAINER_NAME)?,
        pod: label(labels::POD_NAME)?,
        namespace: label(labels::POD_NAMESPACE)?,
        pod_uid: label(labels::POD_UID)?,
        cpu: CpuTotal {
            nanos: cpu.usage_core_nano_seconds?.value,
            at: cpu.timestamp,
        },
        memory_working_set_bytes: number(stats.memory?.working_set_bytes),
        rootfs_bytes: number(layer.used_bytes),
        rootfs_inodes: number(layer.inodes_used),
        id: attributes.id,
    })
}
