//! What breaks around a running cluster, each fault with the status and events that users expect, and the way back:
//! scenarios A4, A5, B7 and B8.

use std::process::Child;
use std::time::Instant;

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, Node, TestNet, eventually, on_a_cluster, on_a_cluster_with};

const RESTARTS: &str = ".status.containerStatuses[0].restartCount";
const CONTAINER: &str = ".status.containerStatuses[0].containerID";
const READY: &str = r#".status.conditions[?(@.type=="Ready")].status"#;

#[test]
fn b8_containerd_is_killed() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("run web --image=nginx:1.19")?;
        cluster.pods_ready("run=web", 1)?;
        let before = cluster.field("pod web", CONTAINER)?;
        let log = cluster.home().join("web.log");
        let mut following = cluster.start("kubectl logs -f web", &log)?;
        let address = cluster.field("pod web", ".status.podIP")?;
        let visit = |page: &str| {
            cluster.output(&format!("wget -q -O - http://{address}/{page}"), "")?;
            eventually(&format!("the log to tell of {page}"), 30, || {
                let said = std::fs::read_to_string(&log)?;
                ensure!(said.contains(page), "{said}");
                Ok(())
            })
        };
        visit("before-the-kill")?;

        cluster.kill9_of("containerd")?;
        cluster.page(&format!("http://{address}/"))?;
        // What is asked of it meanwhile is done when it is back.
        cluster.kubectl("run another --image=nginx:1.19")?;
        cluster.pods_ready("run=another", 1)?;
        cluster.kubectl("exec web -- true")?;
        visit("after-the-kill")?;
        following.kill()?;
        following.wait()?;

        let node = format!("node {}", cluster.name());
        ensure!(
            cluster.field(&node, READY)? == "True",
            "the node is not ready"
        );
        let after = cluster.field("pod web", CONTAINER)?;
        ensure!(after == before, "{before} was replaced by {after}");
        ensure!(cluster.field("pod web", RESTARTS)? == "0", "it restarted");
        cluster.kubectl("delete pod web another --grace-period=1")?;
        Ok(())
    })
}

/// Waits until the node says that its runtime is down.
fn runtime_is_down(machine: &Node) -> Result<()> {
    let node = format!("node {}", machine.name());
    machine.field_becomes(&node, READY, "False", 60)?;
    for (part, expected) in [
        ("reason", "KubeletNotReady"),
        ("message", "container runtime is down"),
    ] {
        let path = format!(r#".status.conditions[?(@.type=="Ready")].{part}"#);
        let told = machine.field(&node, &path)?;
        ensure!(told == expected, "{part} is {told}");
    }
    Ok(())
}

/// The runtime may be silent for three quarters of what the node may: 30 s of the 40 s that are the default.
const SOON: &str = "--node-monitor-grace-period=8s";

#[test]
fn b8_containerd_hangs() -> Result<()> {
    on_a_cluster_with(&[SOON], |cluster| {
        cluster.kubectl("run web --image=nginx:1.19")?;
        cluster.pods_ready("run=web", 1)?;
        let address = cluster.field("pod web", ".status.podIP")?;
        let container = cluster.field("pod web", CONTAINER)?;
        let node = format!("node {}", cluster.name());

        cluster.freeze("containerd")?;
        runtime_is_down(cluster)?;
        let taint = "node.kubernetes.io/not-ready";
        eventually("the node to be tainted", 30, || {
            let taints = cluster.field(&node, ".spec.taints[*].key")?;
            ensure!(taints.contains(taint), "{taints}");
            Ok(())
        })?;
        // Its Pods run on, and its kubelet vouches for them as ever.
        ensure!(
            cluster.field("pod web", READY)? == "True",
            "web is not ready"
        );
        cluster.page(&format!("http://{address}/"))?;

        cluster.thaw("containerd")?;
        cluster.field_becomes(&node, READY, "True", 60)?;
        cluster.pods_ready("run=web", 1)?;
        let told = cluster.event_reasons(&format!("Node/{}", cluster.name()))?;
        ensure!(told.contains(&"NodeNotReady".to_owned()), "{told:?}");
        let after = cluster.field("pod web", CONTAINER)?;
        ensure!(after == container, "{container} was replaced by {after}");
        Ok(())
    })
}

#[test]
fn b8_the_users_containerd_is_away() -> Result<()> {
    let net = TestNet::new()?;
    let options = net.node().flag(SOON);
    let mut machine = options
        .flag("--containerd={home}/containerd.sock")
        .prepare()?;
    let mut containerd = start_containerd(&machine)?;
    machine.up()?;
    let node = format!("node {}", machine.name());
    machine.field_becomes(&node, READY, "True", 60)?;

    containerd.kill()?;
    containerd.wait()?;
    runtime_is_down(&machine)?;

    start_containerd(&machine)?;
    machine.field_becomes(&node, READY, "True", 60)
}

/// Starts a containerd that is the user's, as the machine's skiff was told to use it.
fn start_containerd(machine: &Node) -> Result<Child> {
    let (home, data) = (machine.home().display(), machine.data_dir().display());
    let config = format!(
        "version = 2\nroot = \"{home}/containerd/root\"\nstate = \"{home}/containerd/state\"\n\
         [grpc]\naddress = \"{home}/containerd.sock\"\n\
         [plugins.\"io.containerd.grpc.v1.cri\".cni]\n\
         bin_dir = \"/usr/lib/cni\"\nconf_dir = \"{data}/cni/net.d\"\n"
    );
    let file = machine.home().join("containerd.toml");
    std::fs::write(&file, config)?;
    let line = format!("exec containerd --config {}", file.display());
    let containerd = machine.start(&line, &machine.home().join("containerd.log"))?;
    eventually("the user's containerd to answer", 60, || {
        machine.sh(&format!("ctr --address {home}/containerd.sock version"))
    })?;
    Ok(containerd)
}

#[test]
fn b8_a_shim_is_killed() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("run web --image=nginx:1.19")?;
        cluster.pods_ready("run=web", 1)?;
        cluster.kill9_of("containerd-shim-runc-v2")?;
        // With it go the sandbox and all that ran in it.
        cluster.field_becomes("pod web", RESTARTS, "1", 60)?;
        let last = ".status.containerStatuses[0].lastState.terminated.reason";
        ensure!(
            cluster.field("pod web", last)? == "Error",
            "it did not fail"
        );
        cluster.pods_ready("run=web", 1)?;
        cluster.described(
            "pod web",
            &["Pod sandbox changed, it will be killed and re-created."],
        )?;
        let address = cluster.field("pod web", ".status.podIP")?;
        let page = cluster.page(&format!("http://{address}/hostname.html"))?;
        ensure!(page.trim() == "web", "{page}");
        cluster.kubectl("delete pod web --grace-period=1 --timeout=60s")?;
        Ok(())
    })
}

#[test]
fn a4_a_container_that_ignores_sigterm() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: deaf, finalizers: [example.com/kept-to-be-seen]}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 3
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'trap \"echo I heard\" TERM; while true; do sleep 0.2; done']
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/deaf --timeout=120s")?;
        let started = Instant::now();
        cluster.kubectl("delete pod deaf --wait=false")?;
        let state = ".status.containerStatuses[0].state.terminated";
        cluster.field_becomes("pod deaf", &format!("{state}.exitCode"), "137", 60)?;
        let took = started.elapsed().as_secs_f64();
        ensure!(
            (3.0..30.0).contains(&took),
            "it took {took} s with a grace of 3 s"
        );
        let reason = cluster.field("pod deaf", &format!("{state}.reason"))?;
        ensure!(reason == "Error", "{reason}");
        ensure!(
            cluster.kubectl("logs deaf")? == "I heard\n",
            "it was not asked first"
        );
        cluster.described("pod deaf", &["Stopping container main"])?;
        cluster.kubectl("patch pod deaf --type=json -p '[{\"op\":\"remove\",\"path\":\"/metadata/finalizers\"}]'")?;
        cluster.kubectl("wait --for=delete pod/deaf --timeout=30s")?;
        Ok(())
    })
}

#[test]
fn a5_a_probe_that_hangs() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: stuck}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    readinessProbe: {exec: {command: ['true']}, periodSeconds: 1}
    livenessProbe:
      exec: {command: [sh, -c, 'test ! -e /stuck || sleep 500']}
      periodSeconds: 1
      timeoutSeconds: 1
      failureThreshold: 2
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/stuck --timeout=120s")?;
        cluster.kubectl("exec stuck -- touch /stuck")?;
        cluster.field_becomes("pod stuck", RESTARTS, "1", 60)?;
        cluster.described(
            "pod stuck",
            &[
                "Unhealthy",
                "Liveness probe failed: command timed out",
                "timed out after 1s",
                "Container main failed liveness probe, will be restarted",
            ],
        )?;
        // The new container has no such file: all is well.
        cluster.kubectl("wait --for=condition=Ready pod/stuck --timeout=60s")?;
        ensure!(
            cluster.field("pod stuck", RESTARTS)? == "1",
            "it restarted again"
        );
        Ok(())
    })
}

/// It leaves a lost machine after two seconds.
const LEAVES: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 2}
      containers:
      - {name: nginx, image: "nginx:1.19"}
"#;

#[test]
fn b7_a_machine_loses_its_power_and_comes_back() -> Result<()> {
    on_a_cluster_with(&["--node-monitor-grace-period=8s"], |cluster| {
        let token = cluster.skiff_does("token create")?;
        let mut victim = cluster.net().node().joining(cluster, &token).start()?;
        let node = format!("node {}", victim.name());
        cluster.field_becomes(&node, READY, "True", 60)?;
        cluster.kubectl(&format!("cordon {}", cluster.name()))?;
        cluster.apply(LEAVES)?;
        let lost = cluster.pods_ready("app=web", 2)?;
        cluster.kubectl(&format!("uncordon {}", cluster.name()))?;
        ensure!(
            on(cluster, &victim)? == lost,
            "they are not all on {}",
            victim.name()
        );

        cluster.net().cut_power(&mut victim)?;
        cluster.field_becomes(&node, READY, "Unknown", 60)?;
        let row = cluster.kubectl(&format!("get {node} --no-headers"))?;
        ensure!(row.contains("NotReady"), "{row}");
        cluster.described(
            &node,
            &[
                "NodeStatusUnknown",
                "Kubelet stopped posting node status.",
                "node.kubernetes.io/unreachable:NoExecute",
                "status is now: NodeNotReady",
            ],
        )?;
        eventually("two Pods on the machine that is left", 90, || {
            let replaced = on(cluster, cluster)?;
            ensure!(replaced.len() == 2, "there are {replaced:?}");
            Ok(())
        })?;
        let told = cluster.event_reasons(&format!("Pod/{}", lost[0]))?;
        for reason in ["NodeNotReady", "TaintManagerEviction"] {
            ensure!(
                told.iter().any(|one| one == reason),
                "no {reason} in {told:?}"
            );
        }

        victim.up()?;
        cluster.field_becomes(&node, READY, "True", 60)?;
        cluster.field_becomes(&node, ".spec.taints", "", 30)?;
        eventually("the Pods that were lost to be gone", 60, || {
            let left = cluster.names("pods -l app=web")?;
            ensure!(left.len() == 2 && !left.contains(&lost[0]), "{left:?}");
            Ok(())
        })
    })
}

/// The ready Pods of `web` on a machine.
fn on(cluster: &Cluster, machine: &Node) -> Result<Vec<String>> {
    let selector = format!("--field-selector spec.nodeName={}", machine.name());
    let pods = cluster.kubectl(&format!(
        r#"get pods -l app=web {selector} -o 'jsonpath={{range .items[?(@.status.phase=="Running")]}}{{.metadata.name}}{{"\n"}}{{end}}'"#
    ))?;
    Ok(pods.lines().map(str::to_owned).collect())
}
