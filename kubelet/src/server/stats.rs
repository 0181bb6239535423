//! `/stats/summary`: what the node and its Pods use (k8s.io/kubelet/pkg/apis/stats/v1alpha1 Summary).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use nix::sys::statvfs::statvfs;
use serde_json::{Value, json};
use skiff_client::{Informer, ObjectKey};

use super::Served;
use super::answer::Refused;
use crate::runtime::Runtime;
use crate::stats::{ContainerSample, CpuTotal, Rates, Sample};

/// Looks, and answers.
pub(super) async fn serve<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
) -> Result<Response, Refused> {
    let (sample, rates) = look(&served).await?;
    let mut pods: BTreeMap<&str, Vec<&ContainerSample>> = BTreeMap::new();
    for container in &sample.containers {
        pods.entry(&container.pod_uid).or_default().push(container);
    }
    let pods = pods
        .values()
        .map(|containers| pod_stats(&served.pods, containers, &rates));
    let pods: Vec<Value> = pods.collect();
    let node = node_stats(&served, &sample, &rates);
    Ok(axum::Json(json!({"node": node, "pods": pods})).into_response())
}

/// What is used now.
pub(super) async fn look<R: Runtime>(served: &Served<R>) -> Result<(Sample, Rates), Refused> {
    let context = &served.context;
    let looked = served.sampler.sample(&*context.runtime).await;
    looked.map_err(|error| Refused::internal(error.to_string()))
}

fn node_stats<R>(served: &Served<R>, sample: &Sample, rates: &Rates) -> Value {
    let (config, host) = (&served.context.host.config, &sample.host);
    let time = time(host.cpu.at);
    let mut node = json!({
        "nodeName": config.node_name,
        "cpu": cpu(host.cpu, rates.host()),
        "memory": {
            "time": time,
            "availableBytes": host.memory_total_bytes.saturating_sub(host.memory_working_set_bytes),
            "usageBytes": host.memory_usage_bytes,
            "workingSetBytes": host.memory_working_set_bytes,
        },
    });
    if let Ok(disk) = statvfs(&config.data_dir) {
        let block = disk.fragment_size();
        node["fs"] = json!({
            "time": time,
            "availableBytes": disk.blocks_available() * block,
            "capacityBytes": disk.blocks() * block,
            "usedBytes": disk.blocks().saturating_sub(disk.blocks_free()) * block,
            "inodesFree": disk.files_free(),
            "inodes": disk.files(),
        });
    }
    node
}

fn pod_stats(pods: &Informer<Pod>, containers: &[&ContainerSample], rates: &Rates) -> Value {
    let Some(first) = containers.first() else {
        return Value::Null;
    };
    let known = pods.get(&ObjectKey::new(&first.namespace, &first.pod));
    let known = known.filter(|pod| pod.metadata.uid.as_deref() == Some(&first.pod_uid));
    let status = known.as_ref().and_then(|pod| pod.status.as_ref());
    let started = status.and_then(|status| status.start_time.as_ref());
    let rate: Option<u64> = containers
        .iter()
        .map(|container| rates.container(&container.id))
        .sum();
    let total = CpuTotal {
        nanos: containers.iter().map(|container| container.cpu.nanos).sum(),
        at: first.cpu.at,
    };
    let memory = containers
        .iter()
        .map(|container| container.memory_working_set_bytes);
    json!({
        "podRef": {"name": first.pod, "namespace": first.namespace, "uid": first.pod_uid},
        "startTime": started,
        "containers": containers.iter().map(|one| container_stats(one, rates)).collect::<Vec<_>>(),
        "cpu": cpu(total, rate),
        "memory": {"time": time(first.cpu.at), "workingSetBytes": memory.sum::<u64>()},
    })
}

fn container_stats(container: &ContainerSample, rates: &Rates) -> Value {
    let time = time(container.cpu.at);
    json!({
        "name": container.name,
        "cpu": cpu(container.cpu, rates.container(&container.id)),
        "memory": {"time": time, "workingSetBytes": container.memory_working_set_bytes},
        "rootfs": {
            "time": time,
            "usedBytes": container.rootfs_bytes,
            "inodesUsed": container.rootfs_inodes,
        },
    })
}

fn cpu(total: CpuTotal, rate: Option<u64>) -> Value {
    let mut cpu = json!({"time": time(total.at), "usageCoreNanoSeconds": total.nanos});
    if let Some(rate) = rate {
        cpu["usageNanoCores"] = rate.into();
    }
    cpu
}

fn time(nanos: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
