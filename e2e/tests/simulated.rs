//! Nodes that run nothing: many of them, and Pods on them, on one small machine.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skiff_e2e::{Cluster, eventually, on_a_cluster};

#[test]
fn sixty_simulated_nodes_run_what_is_bound_to_them() -> Result<()> {
    on_a_cluster(|cluster| crowd(cluster, 60, 240))
}

#[test]
#[ignore = "long: a thousand nodes"]
fn a_thousand_simulated_nodes_run_what_is_bound_to_them() -> Result<()> {
    on_a_cluster(|cluster| {
        crowd(cluster, 1000, 5000)?;
        // Like machines that were switched off.
        nodes_that_are(cluster, "Unknown", 1000)?;
        cluster.kubectl("delete nodes -l skiff.dev/simulated")?;
        cluster.no_pods("app=sums")
    })
}

const CROWD: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: crowd}
spec:
  selector: {matchLabels: {app: crowd}}
  template:
    metadata: {labels: {app: crowd}}
    spec:
      nodeSelector: {skiff.dev/simulated: 'true'}
      tolerations: [{key: simulated, operator: Exists}]
      initContainers: [{name: first, image: 'busybox:1.28'}]
      containers:
      - name: main
        image: nginx:1.19
        readinessProbe: {httpGet: {port: 80}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: sums}
spec:
  completions: 10
  parallelism: 5
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {skiff.dev/simulated: 'true'}
      tolerations: [{key: simulated, operator: Exists}]
      containers: [{name: main, image: 'perl:5.34.0'}]
";

/// What the nodes run, and that it ends well.
fn crowd(cluster: &Cluster, nodes: usize, replicas: usize) -> Result<()> {
    let line = format!(
        "exec skiff simulate --data-dir={} --nodes={nodes} --node-taint=simulated=true:NoSchedule",
        cluster.data_dir().display()
    );
    let mut simulating = cluster.start(&line, &cluster.home().join("simulate.log"))?;
    let ready = nodes_that_are(cluster, "True", nodes);
    let lived = ready.and_then(|()| pods_live(cluster, replicas));
    kill(
        Pid::from_raw(i32::try_from(simulating.id())?),
        Signal::SIGTERM,
    )?;
    ensure!(simulating.wait()?.success(), "it did not end well");
    lived
}

fn nodes_that_are(cluster: &Cluster, ready: &str, count: usize) -> Result<()> {
    let path = "{.items[*].status.conditions[?(@.type==\"Ready\")].status}";
    eventually(&format!("{count} nodes to be {ready}"), 120, || {
        let all = cluster.kubectl(&format!(
            "get nodes -l skiff.dev/simulated -o jsonpath='{path}'"
        ))?;
        let found = all.split(' ').filter(|one| *one == ready).count();
        ensure!(found == count, "{found} are");
        Ok(())
    })
}

/// They run, complete and go, as they would with kubelets.
fn pods_live(cluster: &Cluster, replicas: usize) -> Result<()> {
    let status = cluster.sh(&format!(
        "skiff status --data-dir={} | head -1",
        cluster.data_dir().display()
    ))?;
    ensure!(status.contains("runs with process id"), "{status}");
    cluster.apply(CROWD)?;
    cluster.kubectl(&format!("scale deployment crowd --replicas={replicas}"))?;
    cluster.kubectl("rollout status deployment crowd --timeout=300s")?;
    let addresses =
        cluster.kubectl("get pods -l app=crowd -o jsonpath='{.items[*].status.podIP}'")?;
    let addresses: BTreeSet<&str> = addresses.split(' ').collect();
    ensure!(addresses.len() == replicas, "{} addresses", addresses.len());
    ensure!(
        addresses.iter().all(|one| one.starts_with("240.")),
        "{addresses:?}"
    );
    cluster.waits("job/sums", "condition=complete")?;
    let refused = cluster.refused("kubectl logs deployment/crowd")?;
    ensure!(
        refused.contains("no preferred addresses found"),
        "{refused}"
    );
    cluster.kubectl("top nodes")?;
    cluster.kubectl("scale deployment crowd --replicas=1")?;
    eventually("the others to go", 300, || {
        let left = cluster.names("pods -l app=crowd")?;
        ensure!(left.len() == 1, "{} are left", left.len());
        Ok(())
    })
}
