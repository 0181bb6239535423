//! Where Pods go, and what they are told when they cannot.

use anyhow::{Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster};

/// A Pod that sleeps, with these further fields of its spec.
fn pod(name: &str, more: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: main, image: 'busybox:1.28', command: [sleep, '3600']}}
  {more}
"
    )
}

/// Waits until the event and the condition of the Pod both say so.
fn is_told(cluster: &Node, pod: &str, message: &str) -> Result<()> {
    let condition = r#".status.conditions[?(@.type=="PodScheduled")].message"#;
    cluster.field_becomes(&format!("pod {pod}"), condition, message, 60)?;
    eventually("the event", 30, || {
        let described = cluster.kubectl(&format!("describe pod {pod}"))?;
        let is_there = described
            .lines()
            .any(|line| line.contains("FailedScheduling") && line.ends_with(message));
        ensure!(is_there, "{described}");
        Ok(())
    })
}

#[test]
fn a_pod_waits_for_its_node_and_is_told_why() -> Result<()> {
    on_a_cluster(|cluster| {
        let node = cluster.name().to_owned();
        cluster.apply(&pod("picky", "nodeSelector: {disk: ssd}"))?;
        let helpless =
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
        let words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
        is_told(cluster, "picky", &format!("{words} {helpless}"))?;
        cluster.kubectl(&format!("label node {node} disk=ssd"))?;
        cluster.kubectl("wait --for=condition=Ready pod/picky --timeout=60s")?;

        cluster.kubectl(&format!("taint node {node} only=gpu:NoSchedule"))?;
        cluster.apply(&pod("tainted", ""))?;
        let words = "0/1 nodes are available: 1 node(s) had untolerated taint(s).";
        is_told(cluster, "tainted", &format!("{words} {helpless}"))?;
        cluster.kubectl(&format!("taint node {node} only-"))?;
        cluster.kubectl("wait --for=condition=Ready pod/tainted --timeout=60s")?;

        cluster.apply(&pod(
            "claiming",
            "volumes: [{name: v, persistentVolumeClaim: {claimName: none}}]",
        ))?;
        let words = "0/1 nodes are available: persistentvolumeclaim \"none\" not found.";
        is_told(cluster, "claiming", &format!("{words} {helpless}"))?;

        cluster.apply(&pod(
            "gated",
            "schedulingGates: [{name: example.com/quota}]",
        ))?;
        let row = cluster.kubectl("get pod gated --no-headers")?;
        ensure!(row.contains("SchedulingGated"), "{row}");
        cluster.kubectl("patch pod gated --type=json -p '[{\"op\": \"remove\", \"path\": \"/spec/schedulingGates\"}]'")?;
        cluster.kubectl("wait --for=condition=Ready pod/gated --timeout=60s")?;

        // Who bears a taint for a time leaves when it is over, the others at once.
        let toleration = "{key: only, operator: Exists, effect: NoExecute, tolerationSeconds: 2}";
        cluster.apply(&pod("bearing", &format!("tolerations: [{toleration}]")))?;
        cluster.kubectl("wait --for=condition=Ready pod/bearing --timeout=60s")?;
        cluster.kubectl(&format!("taint node {node} only=gpu:NoExecute"))?;
        cluster.kubectl("wait --for=delete pod/gated pod/bearing --timeout=60s")?;
        Ok(())
    })
}

#[test]
fn a_pod_that_names_its_node_needs_room_on_it() -> Result<()> {
    on_a_cluster(|cluster| {
        let named = |name: &str, container: &str| {
            let node = format!("nodeName: {}", cluster.name());
            let with = format!("command: [sleep, '3600'], {container}");
            pod(name, &node).replace("command: [sleep, '3600']", &with)
        };
        let port = "ports: [{containerPort: 80, hostPort: 21017}]";
        cluster.apply(&named("first", port))?;
        cluster.kubectl("wait --for=condition=Ready pod/first --timeout=60s")?;
        let asks = "resources: {requests: {memory: 100Ti}}";
        for (name, wants, reason, words) in [
            ("second", port, "NodePorts", "didn't have free ports"),
            ("vast", asks, "OutOfmemory", "enough resource: memory"),
        ] {
            cluster.apply(&named(name, wants))?;
            let pod = format!("pod {name}");
            cluster.field_becomes(&pod, ".status.phase", "Failed", 60)?;
            let told = cluster.field(&pod, ".status.reason")?;
            ensure!(told == reason, "{told}");
            let told = cluster.field(&pod, ".status.message")?;
            let is_right = told.starts_with("Pod was rejected: ") && told.contains(words);
            ensure!(is_right, "{told}");
            cluster.tells(&format!("Pod/{name}"), &[reason])?;
        }
        // The port is free when the first one is gone.
        cluster.kubectl("delete pod first second")?;
        cluster.apply(&named("second", port))?;
        cluster.kubectl("wait --for=condition=Ready pod/second --timeout=60s")?;
        Ok(())
    })
}

#[test]
fn pods_keep_apart_and_spread() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {name: apart}
spec:
  replicas: 2
  selector: {matchLabels: {app: apart}}
  template:
    metadata: {labels: {app: apart}}
    spec:
      terminationGracePeriodSeconds: 0
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {labelSelector: {matchLabels: {app: apart}}, topologyKey: kubernetes.io/hostname}
      containers: [{name: main, image: 'busybox:1.28', command: [sleep, '3600']}]
",
        )?;
        let pending = eventually("one to wait and one to run", 60, || {
            let pods = "pods -l app=apart --field-selector status.phase";
            let running = cluster.names(&format!("{pods}=Running"))?;
            let pending = cluster.names(&format!("{pods}=Pending"))?;
            ensure!(
                running.len() == 1 && pending.len() == 1,
                "{running:?} {pending:?}"
            );
            Ok(pending[0].clone())
        })?;
        let no_victims =
            "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
        let words = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.";
        is_told(cluster, &pending, &format!("{words} {no_victims}"))?;
        // Its place is free as soon as the other one goes.
        cluster.kubectl("delete pods -l app=apart --field-selector status.phase=Running")?;
        cluster.kubectl(&format!(
            "wait --for=condition=Ready pod/{pending} --timeout=60s"
        ))?;

        let constraint = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, \
                          labelSelector: {matchLabels: {app: racked}}}]";
        cluster.apply(&pod("racked", constraint))?;
        let words = "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints \
                     (missing required label). preemption: 0/1 nodes are available: 1 Preemption is not helpful for \
                     scheduling.";
        is_told(cluster, "racked", words)?;
        cluster.kubectl(&format!("label node {} rack=r1", cluster.name()))?;
        cluster.kubectl("wait --for=condition=Ready pod/racked --timeout=60s")?;
        Ok(())
    })
}

#[test]
fn pods_keep_apart_from_those_of_their_own_revision() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - labelSelector: {matchLabels: {app: web}}
            matchLabelKeys: [pod-template-hash]
            topologyKey: kubernetes.io/hostname
      containers: [{name: main, image: 'busybox:1.28', command: [sleep, '3600']}]
",
        )?;
        let first = cluster.pods_ready("app=web", 1)?.concat();
        let hash = cluster.field(
            &format!("pod {first}"),
            ".metadata.labels.pod-template-hash",
        )?;
        let term =
            ".spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]";
        let merged = cluster.field(
            &format!("pod {first}"),
            &format!("{term}.labelSelector.matchExpressions"),
        )?;
        let expected =
            format!(r#"[{{"key":"pod-template-hash","operator":"In","values":["{hash}"]}}]"#);
        ensure!(merged == expected, "{merged}");

        // The new one may come beside the old one; a second one of the same revision may not.
        cluster.kubectl("set env deployment/web COLOUR=red")?;
        cluster.kubectl("rollout status deployment/web --timeout=60s")?;
        let second = cluster.pods_ready("app=web", 1)?.concat();
        cluster.kubectl("scale deployment web --replicas=2")?;
        let pending = eventually("another one that waits", 60, || {
            let pods = cluster.names("pods -l app=web --field-selector status.phase=Pending")?;
            ensure!(pods.len() == 1 && pods[0] != second, "{pods:?}");
            Ok(pods.concat())
        })?;
        let no_victims =
            "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
        let words = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.";
        is_told(cluster, &pending, &format!("{words} {no_victims}"))
    })
}

#[test]
fn a_pod_of_higher_priority_gets_room() -> Result<()> {
    on_a_cluster(|cluster| {
        let milli = cluster.cpu_millis_of(cluster.name())? * 6 / 10;
        let asks = |name: &str, class: &str| {
            pod(name, class).replace(
                "command: [sleep, '3600']",
                &format!("command: [sleep, '3600'], resources: {{requests: {{cpu: {milli}m}}}}"),
            )
        };
        cluster.apply(&asks("low", ""))?;
        cluster.kubectl("wait --for=condition=Ready pod/low --timeout=60s")?;
        cluster.apply(&asks("equal", ""))?;
        let words = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                     1 No preemption victims found for incoming pod.";
        is_told(cluster, "equal", words)?;

        cluster.apply(&asks("high", "priorityClassName: system-cluster-critical"))?;
        cluster.kubectl("wait --for=condition=Ready pod/high --timeout=60s")?;
        let nominated = cluster.field("pod high", ".status.nominatedNodeName")?;
        ensure!(nominated == cluster.name(), "nominated to {nominated:?}");
        eventually("low to have gone", 30, || {
            let pods = cluster.names("pods")?;
            ensure!(pods == ["equal", "high"], "{pods:?}");
            Ok(())
        })?;
        let reasons = cluster.event_reasons("Pod/low")?;
        ensure!(
            reasons.iter().any(|reason| reason == "Preempted"),
            "{reasons:?}"
        );
        Ok(())
    })
}
