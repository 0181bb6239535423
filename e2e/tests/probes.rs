//! Init containers, sidecars and probes: scenario A5.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

fn endpoints_of(cluster: &Cluster, service: &str) -> Result<String> {
    cluster.field(
        &format!("endpoints {service}"),
        ".subsets[*].addresses[*].ip",
    )
}

/// `kubectl get pod` has these columns after the name.
fn shows(cluster: &Cluster, pod: &str, columns: &str) -> Result<()> {
    let row = cluster.kubectl(&format!("get pod {pod} --no-headers"))?;
    let words: Vec<&str> = row.split_whitespace().skip(1).collect();
    ensure!(words.join(" ").starts_with(columns), "{row}");
    Ok(())
}

#[test]
fn a5_readiness_walkthrough() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: readiness, labels: {app: readiness}}
spec:
  containers:
  - name: nginx
    image: nginx:1.19
    readinessProbe:
      httpGet: {port: 80, path: /index1.html}
      initialDelaySeconds: 1
      periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: {name: readiness}
spec:
  selector: {app: readiness}
  ports: [{port: 80}]
",
        )?;
        cluster.field_becomes("pod readiness", ".status.phase", "Running", 120)?;
        eventually("the failing probe to be told", 60, || {
            let described = cluster.kubectl("describe pod readiness")?;
            let words = "Readiness probe failed: HTTP probe failed with statuscode: 404";
            ensure!(described.contains(words), "{described}");
            Ok(())
        })?;
        shows(cluster, "readiness", "0/1 Running")?;
        let addresses = endpoints_of(cluster, "readiness")?;
        ensure!(addresses.is_empty(), "endpoints: {addresses}");

        let page = "/usr/share/nginx/html/index1.html";
        cluster.kubectl(&format!("exec readiness -- sh -c 'echo 123 > {page}'"))?;
        cluster.kubectl("wait --for=condition=Ready pod/readiness --timeout=60s")?;
        shows(cluster, "readiness", "1/1 Running")?;
        let ip = cluster.field("pod readiness", ".status.podIP")?;
        eventually("the Pod to come into the endpoints", 60, || {
            let addresses = endpoints_of(cluster, "readiness")?;
            ensure!(addresses == ip, "endpoints: {addresses:?}, not {ip}");
            Ok(())
        })?;

        // And out again, without a restart.
        cluster.kubectl(&format!("exec readiness -- rm {page}"))?;
        eventually("the Pod to leave the endpoints", 60, || {
            let addresses = endpoints_of(cluster, "readiness")?;
            ensure!(addresses.is_empty(), "endpoints: {addresses}");
            Ok(())
        })?;
        let restarts =
            cluster.field("pod readiness", ".status.containerStatuses[0].restartCount")?;
        ensure!(restarts == "0", "{restarts} restarts");
        Ok(())
    })
}

#[test]
fn a5_liveness_and_startup() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: command}
spec:
  terminationGracePeriodSeconds: 600
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'touch /tmp/live; trap \"\" TERM; while true; do sleep 0.2; done']
    livenessProbe:
      exec: {command: [test, -e, /tmp/live]}
      periodSeconds: 1
      failureThreshold: 2
      terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Pod
metadata: {name: port}
spec:
  containers:
  - name: main
    image: nginx:1.19
    ports: [{name: web, containerPort: 80}]
    livenessProbe: {tcpSocket: {port: web}, periodSeconds: 1}
    startupProbe: {httpGet: {port: web, path: /}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: slow}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    startupProbe: {exec: {command: ['false']}, periodSeconds: 1, failureThreshold: 2}
    livenessProbe: {exec: {command: ['false']}, periodSeconds: 1, failureThreshold: 1}
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/command pod/port --timeout=120s")?;
        cluster.kubectl("exec command -- rm /tmp/live")?;
        let restarts = ".status.containerStatuses[0].restartCount";
        // The Pod's own grace period would be ten minutes: that of the probe counts.
        cluster.field_becomes("pod command", restarts, "1", 60)?;
        let described = cluster.kubectl("describe pod command")?;
        for words in [
            "Liveness probe failed:",
            "Container main failed liveness probe, will be restarted",
        ] {
            ensure!(described.contains(words), "{described}");
        }
        eventually("the startup probe to have failed too often", 60, || {
            let described = cluster.kubectl("describe pod slow")?;
            let words = "Container main failed startup probe, will be restarted";
            ensure!(described.contains(words), "{described}");
            // Nobody asks for the liveness of what has not started.
            ensure!(!described.contains("Liveness probe failed"), "{described}");
            Ok(())
        })?;
        let started = cluster.field("pod slow", ".status.containerStatuses[0].started")?;
        ensure!(started == "false", "{started}");
        ensure!(
            cluster.field("pod port", restarts)? == "0",
            "nginx was restarted"
        );
        cluster.kubectl("delete pod command --grace-period=1")?;
        Ok(())
    })
}

#[test]
fn a5_init_containers_and_sidecars() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: orderly}
spec:
  restartPolicy: Never
  volumes: [{name: shared, emptyDir: {}}]
  initContainers:
  - name: first
    image: busybox:1.28
    command: [sh, -c, 'echo first >> /shared/order']
    volumeMounts: &mounts [{name: shared, mountPath: /shared}]
  - name: early
    image: busybox:1.28
    restartPolicy: Always
    command: [sh, -c, 'trap \"echo early ends >> /shared/order; cat /shared/order; exit\" TERM; sleep 1; echo early >> /shared/order; touch /tmp/up; while true; do sleep 0.1; done']
    startupProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1}
    volumeMounts: *mounts
  - name: late
    image: busybox:1.28
    restartPolicy: Always
    command: [sh, -c, 'trap \"sleep 0.5; echo late ends >> /shared/order; exit\" TERM; echo late >> /shared/order; while true; do sleep 0.1; done']
    startupProbe: {exec: {command: [grep, late, /shared/order]}, periodSeconds: 1}
    volumeMounts: *mounts
  - name: last
    image: busybox:1.28
    command: [sh, -c, 'echo last >> /shared/order']
    volumeMounts: *mounts
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'echo main >> /shared/order']
    volumeMounts: *mounts
",
        )?;
        cluster.field_becomes("pod orderly", ".status.phase", "Succeeded", 120)?;
        // A sidecar that is told to go exits, and is not started again.
        let order = cluster.kubectl("logs orderly -c early")?;
        let expected = "first\nearly\nlate\nlast\nmain\nlate ends\nearly ends\n";
        ensure!(order == expected, "{order:?}");
        let row = cluster.kubectl("get pod orderly --no-headers")?;
        ensure!(row.contains("0/3") && row.contains("Completed"), "{row}");

        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: stuck}
spec:
  initContainers:
  - {name: fails, image: 'busybox:1.28', command: ['false']}
  containers:
  - {name: main, image: 'nginx:1.19'}
",
        )?;
        eventually("the failing init container to be shown", 60, || {
            let row = cluster.kubectl("get pod stuck --no-headers")?;
            ensure!(
                row.contains("0/1") && row.contains("Init:CrashLoopBackOff"),
                "{row}"
            );
            Ok(())
        })?;
        let message = r#".status.conditions[?(@.type=="Initialized")].message"#;
        let message = cluster.field("pod stuck", message)?;
        ensure!(
            message == "containers with incomplete status: [fails]",
            "{message}"
        );
        Ok(())
    })
}

#[test]
fn a5_readiness_gates() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: gated}
spec:
  readinessGates: [{conditionType: example.com/feature}]
  containers:
  - {name: main, image: 'nginx:1.19'}
",
        )?;
        cluster.kubectl("wait --for=condition=ContainersReady pod/gated --timeout=120s")?;
        let reason = r#".status.conditions[?(@.type=="Ready")].reason"#;
        cluster.field_becomes("pod gated", reason, "ReadinessGatesNotReady", 30)?;
        let patch = r#"{"status":{"conditions":[{"type":"example.com/feature","status":"True"}]}}"#;
        cluster.kubectl(&format!(
            "patch pod gated --subresource=status -p '{patch}'"
        ))?;
        cluster.kubectl("wait --for=condition=Ready pod/gated --timeout=60s")?;
        let wide = cluster.kubectl("get pod gated -o wide --no-headers")?;
        ensure!(wide.trim_end().ends_with("1/1"), "{wide}");
        Ok(())
    })
}
