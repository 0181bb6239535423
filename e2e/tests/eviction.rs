//! A node that runs short, and Pods that take more than they may (scenario B7).

use std::fs;

use anyhow::{Context, Result, ensure};
use skiff_e2e::{Cluster, on_a_cluster_with, on_a_machine_with};

/// Enough for a cluster and its images; the node is short when 60 of them are left.
const DISK_MIB: u32 = 400;
const REASON: &str = ".status.reason";
const MESSAGE: &str = ".status.message";

/// Why the kubelet says that the Pod was disrupted.
const DISRUPTED: &str = r#".status.conditions[?(@.type=="DisruptionTarget")].reason"#;

/// Waits until the Pod is evicted; returns the message of its status.
fn evicted(cluster: &Cluster, pod: &str) -> Result<String> {
    cluster.field_becomes(&format!("pod {pod}"), REASON, "Evicted", 120)?;
    let phase = cluster.field(&format!("pod {pod}"), ".status.phase")?;
    ensure!(phase == "Failed", "the Pod is {phase}");
    cluster.field(&format!("pod {pod}"), MESSAGE)
}

#[test]
fn b7_who_fills_the_disk_is_evicted_and_nobody_else() -> Result<()> {
    let flags = ["--eviction-pressure-transition-period=1s"];
    on_a_machine_with(&flags, |cluster| {
        cluster.keep_data_on_a_disk_of(DISK_MIB)?;
        cluster.up()?;
        cluster.kubectl("run web --image=nginx:1.19")?;
        cluster.pods_ready("run=web", 1)?;
        let free = cluster.sh(&format!(
            "df -m --output=avail {}",
            cluster.data_dir().display()
        ))?;
        let free: u32 = free
            .split_whitespace()
            .last()
            .context("a number")?
            .parse()?;
        // A part where its containers write, a part in a volume: 30 MiB are left.
        let half = free.saturating_sub(30) / 2;
        cluster.apply(&hog(half))?;

        let message = evicted(cluster, "hog")?;
        for words in [
            "The node was low on resource: ephemeral-storage. Threshold quantity: ",
            "Container hog was using ",
            "request is 1Mi, has larger consumption of ephemeral-storage. ",
        ] {
            ensure!(message.contains(words), "{message}");
        }
        let reason = cluster.field("pod hog", DISRUPTED)?;
        ensure!(reason == "TerminationByKubelet", "{reason}");
        cluster.tells("Pod/hog", &["Evicted"])?;
        let node = cluster.name().to_owned();
        let shortage = ["EvictionThresholdMet", "NodeHasDiskPressure"];
        cluster.tells(&format!("Node/{node}"), &shortage)?;

        let pressure = r#".status.conditions[?(@.type=="DiskPressure")].status"#;
        cluster.field_becomes(&format!("node {node}"), pressure, "False", 120)?;
        let web = cluster.field("pod web", ".status.containerStatuses[0].restartCount")?;
        let phase = cluster.field("pod web", ".status.phase")?;
        ensure!(
            phase == "Running" && web == "0",
            "web is {phase}, restarted {web} times"
        );
        Ok(())
    })
}

/// A Pod that writes so much twice.
fn hog(mib: u32) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: hog}}
spec:
  terminationGracePeriodSeconds: 600
  containers:
  - name: hog
    image: busybox:1.28
    command: [sh, -c, 'for dir in /cache /root; do dd if=/dev/zero of=$dir/file bs=1M count={mib}; done; sleep 600']
    resources: {{requests: {{ephemeral-storage: 1Mi}}}}
    volumeMounts: [{{name: cache, mountPath: /cache}}]
  volumes: [{{name: cache, emptyDir: {{}}}}]
"
    )
}

#[test]
fn b7_where_memory_is_short_the_clusters_own_pods_stay() -> Result<()> {
    // More than there is: it is always short.
    let flags = ["--eviction-hard=memory.available<1000Gi"];
    on_a_cluster_with(&flags, |cluster| {
        let node = cluster.name().to_owned();
        let pressure = r#".status.conditions[?(@.type=="MemoryPressure")].status"#;
        cluster.field_becomes(&format!("node {node}"), pressure, "True", 60)?;
        cluster.apply(&takers(&node))?;

        let message = evicted(cluster, "asks-nothing")?;
        let refused = "Pod was rejected: The node had condition: [MemoryPressure]. ";
        ensure!(message == refused, "{message:?}");
        let message = evicted(cluster, "hog")?;
        for words in [
            "The node was low on resource: memory. Threshold quantity: 1000Gi, available: ",
            "Container hog was using ",
            "request is 1Mi, has larger consumption of memory. ",
        ] {
            ensure!(message.contains(words), "{message}");
        }
        cluster.tells("Pod/hog", &["Started", "Evicted"])?;
        cluster.field_becomes(
            "pod critical -n kube-system",
            ".status.phase",
            "Running",
            60,
        )
    })
}

/// Three Pods that are bound to the node already, for the scheduler avoids it.
fn takers(node: &str) -> String {
    let pod = |name: &str, namespace: &str, class: &str, request: &str| {
        format!(
            "
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  priorityClassName: {class}
  containers:
  - name: {name}
    image: busybox:1.28
    command: [sh, -c, 'dd if=/dev/zero of=/dev/shm/file bs=1M count=20; sleep 600']
    resources: {{requests: {{{request}}}}}
"
        )
    };
    [
        pod("critical", "kube-system", "system-node-critical", ""),
        pod("asks-nothing", "default", "''", ""),
        pod("hog", "default", "''", "memory: 1Mi"),
    ]
    .concat()
}

#[test]
fn b7_who_takes_more_than_allowed_is_evicted() -> Result<()> {
    on_a_machine_with(&["--config={home}/skiff.yaml"], |cluster| {
        let config = cluster.home().join("skiff.yaml");
        fs::write(&config, "eviction-pressure-transition-period: 1s\n")?;
        cluster.up()?;
        let writer = |name: &str, dir: &str, resources: &str, volume: &str| {
            format!(
                "
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'dd if=/dev/zero of={dir}/file bs=1M count=3; sleep 600']
    resources: {resources}
    volumeMounts: [{{name: cache, mountPath: /cache}}]
  volumes: [{{name: cache, emptyDir: {volume}}}]
"
            )
        };
        let none = "{}";
        let limited = "{limits: {ephemeral-storage: 2Mi}}";
        cluster.apply(
            &[
                writer("volume", "/cache", none, "{sizeLimit: 1Mi}"),
                writer("root", "/root", limited, none),
                writer("free", "/cache", none, none),
                writer("large", "/cache", none, "{sizeLimit: 1Gi}"),
                SWARM.to_owned(),
            ]
            .concat(),
        )?;
        for (pod, expected) in [
            (
                "volume",
                "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\". ",
            ),
            (
                "root",
                "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
            ),
        ] {
            let message = evicted(cluster, pod)?;
            ensure!(message == expected, "{message:?}");
            cluster.tells(&format!("Pod/{pod}"), &["Evicted"])?;
            let disrupted = cluster.field(&format!("pod {pod}"), DISRUPTED)?;
            ensure!(disrupted.is_empty(), "nobody but the Pod is to blame");
        }
        for pod in ["free", "large"] {
            cluster.field_becomes(&format!("pod {pod}"), ".status.phase", "Running", 60)?;
        }
        cluster.kubectl("wait --for=condition=Ready pod/swarm --timeout=120s")?;

        // More process ids than there are: from the next start on the node is short of them.
        fs::write(&config, SHORT_OF_PIDS)?;
        cluster.restart()?;
        let message = evicted(cluster, "swarm")?;
        let expected = "The node was low on resource: pids. Threshold quantity: 1Ti, available: ";
        ensure!(message.starts_with(expected), "{message}");
        let reason = cluster.field("pod swarm", DISRUPTED)?;
        ensure!(reason == "TerminationByKubelet", "{reason}");
        let code = ".status.containerStatuses[0].state.terminated.exitCode";
        let code = cluster.field("pod swarm", code)?;
        ensure!(code == "7", "it had no time to end: {code}");
        let node = format!("node {}", cluster.name());
        let pressure = r#".status.conditions[?(@.type=="PIDPressure")].status"#;
        cluster.field_becomes(&node, pressure, "True", 60)?;
        for pod in ["free", "large"] {
            let phase = cluster.field(&format!("pod {pod}"), ".status.phase")?;
            ensure!(phase == "Running", "{pod} is {phase}");
        }
        Ok(())
    })
}

/// One with many processes, which takes three seconds to end.
const SWARM: &str = "
---
apiVersion: v1
kind: Pod
metadata: {name: swarm}
spec:
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'trap \"sleep 3; exit 7\" TERM; for i in $(seq 20); do sleep 600 & done; touch /ready; wait']
    readinessProbe: {exec: {command: [test, -e, /ready]}, periodSeconds: 1}
";

const SHORT_OF_PIDS: &str = "
eviction-soft: pid.available<1Ti
eviction-soft-grace-period: pid.available=1s
eviction-max-pod-grace-period: 20
";
