//! Pods and the creation flow: scenarios A1, A2 and A4.

use std::time::Instant;

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

#[test]
fn a1_deployment_flow() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.19
        ports: [{containerPort: 80}]
",
        )?;
        cluster.kubectl("rollout status deployment/web --timeout=120s")?;

        let deployments = cluster.kubectl("get deployment web")?;
        ensure!(
            deployments.contains("2/2     2            2"),
            "{deployments}"
        );
        let owner = cluster.field(
            "replicasets -l app=web",
            ".items[*].metadata.ownerReferences[0].name",
        )?;
        ensure!(owner == "web", "the ReplicaSet belongs to {owner}");
        let hash = cluster.field("replicasets", ".items[0].metadata.labels.pod-template-hash")?;
        let pods = cluster.pods_ready("app=web", 2)?;
        for pod in &pods {
            ensure!(
                pod.starts_with(&format!("web-{hash}-")),
                "{pod}, hash {hash}"
            );
            let node = cluster.field(&format!("pod {pod}"), ".spec.nodeName")?;
            ensure!(node == cluster.name(), "{pod} is on {node:?}");
            let ip = cluster.field(&format!("pod {pod}"), ".status.podIP")?;
            let page = cluster.page(&format!("http://{ip}/hostname.html"))?;
            ensure!(page.trim() == pod, "{pod} says that it is {page}");
            let order = cluster.event_reasons(&format!("Pod/{pod}"))?.join(" ");
            let usual = [
                "Scheduled Pulling Pulled Created Started",
                "Scheduled Pulled Created Started",
            ];
            ensure!(
                usual.contains(&order.as_str()),
                "the events of {pod}: {order}"
            );
        }
        let described = cluster.kubectl(&format!("describe pod {}", pods[0]))?;
        let assigned = format!(
            "Successfully assigned default/{} to {}",
            pods[0],
            cluster.name()
        );
        ensure!(described.contains(&assigned), "{described}");

        cluster.kubectl("delete deployment web")?;
        eventually("the Pods to follow their Deployment", 60, || {
            let left = cluster.names("replicasets,pods -l app=web")?;
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
    })
}

#[test]
fn a2_pod_of_two_containers() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: two}
spec:
  shareProcessNamespace: true
  terminationGracePeriodSeconds: 1
  containers:
  - {name: nginx, image: 'nginx:1.19'}
  - {name: side, image: 'busybox:1.28', command: [sleep, '3600']}
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/two --timeout=120s")?;
        let ip = cluster.field("pod two", ".status.podIP")?;

        let page = cluster.kubectl("exec two -c side -- wget -qO- http://localhost/")?;
        ensure!(page.contains("Welcome to nginx!"), "{page}");
        for question in [
            "hostname",
            "readlink /proc/self/ns/ipc",
            "readlink /proc/self/ns/net",
        ] {
            let answers: Vec<_> = ["nginx", "side"]
                .iter()
                .map(|container| cluster.kubectl(&format!("exec two -c {container} -- {question}")))
                .collect::<Result<_>>()?;
            ensure!(answers[0] == answers[1], "{question}: {answers:?}");
        }
        let processes = cluster.kubectl("exec two -c side -- ps -o pid,args")?;
        ensure!(processes.contains("nginx: master process"), "{processes}");
        let first = processes.lines().nth(1).unwrap_or_default();
        ensure!(first.contains("pause"), "process 1 is {first:?}");

        // An orphan that ends becomes a child of process 1, which must reap it.
        cluster.kubectl("exec two -c side -- sh -c '(sleep 0.1 & exec true)'")?;
        eventually("the orphan to be reaped", 10, || {
            let processes = cluster.kubectl("exec two -c side -- ps -o stat,args")?;
            ensure!(!processes.contains("\nZ"), "{processes}");
            ensure!(!processes.contains("sleep 0.1"), "{processes}");
            Ok(())
        })?;

        cluster.kubectl("exec two -c nginx -- nginx -s stop")?;
        let restarts = r#".status.containerStatuses[?(@.name=="nginx")].restartCount"#;
        cluster.field_becomes("pod two", restarts, "1", 60)?;
        cluster.kubectl("wait --for=condition=Ready pod/two --timeout=60s")?;
        let others = r#".status.containerStatuses[?(@.name=="side")].restartCount"#;
        ensure!(
            cluster.field("pod two", others)? == "0",
            "the other container restarted too"
        );
        let ip_now = cluster.field("pod two", ".status.podIP")?;
        ensure!(ip_now == ip, "the address changed from {ip} to {ip_now}");
        let page = cluster.page(&format!("http://{ip}/"))?;
        ensure!(page.contains("Welcome to nginx!"), "{page}");
        Ok(())
    })
}

#[test]
fn a4_container_states() -> Result<()> {
    on_a_cluster(|cluster| {
        let busybox = |name: &str, policy: &str, command: &str| {
            cluster.kubectl(&format!(
                "run {name} --image=busybox:1.28 --restart={policy} -- sh -c '{command}'"
            ))
        };
        busybox(
            "fails",
            "Never",
            "echo because > /dev/termination-log; exit 3",
        )?;
        busybox("succeeds", "OnFailure", "echo done")?;
        busybox("crashes", "Always", "exit 1")?;
        cluster.kubectl("run typo --image=busybox:no-such-tag")?;

        cluster.field_becomes("pod fails", ".status.phase", "Failed", 120)?;
        let terminated = ".status.containerStatuses[0].state.terminated";
        for (field, value) in [
            ("exitCode", "3"),
            ("reason", "Error"),
            ("message", "because\n"),
        ] {
            let seen = cluster.field("pod fails", &format!("{terminated}.{field}"))?;
            ensure!(seen == value, "{field} is {seen:?}");
        }
        let started = cluster.field("pod fails", &format!("{terminated}.startedAt"))?;
        let finished = cluster.field("pod fails", &format!("{terminated}.finishedAt"))?;
        ensure!(
            !started.is_empty() && started <= finished,
            "{started} to {finished}"
        );

        cluster.field_becomes("pod succeeds", ".status.phase", "Succeeded", 60)?;
        let reason = cluster.field("pod succeeds", &format!("{terminated}.reason"))?;
        ensure!(reason == "Completed", "{reason}");
        let row = cluster.kubectl("get pod succeeds --no-headers")?;
        ensure!(row.contains("0/1") && row.contains("Completed"), "{row}");
        ensure!(
            cluster.kubectl("logs succeeds")? == "done\n",
            "the log of a finished Pod"
        );

        let waiting = ".status.containerStatuses[0].state.waiting.reason";
        cluster.field_becomes("pod crashes", waiting, "CrashLoopBackOff", 60)?;
        let last = ".status.containerStatuses[0].lastState.terminated.exitCode";
        ensure!(
            cluster.field("pod crashes", last)? == "1",
            "its last exit code"
        );
        let reasons = cluster.event_reasons("Pod/crashes")?;
        ensure!(reasons.contains(&"BackOff".to_owned()), "{reasons:?}");

        eventually("the missing image to be told", 60, || {
            let reason = cluster.field("pod typo", waiting)?;
            let told = ["ErrImagePull", "ImagePullBackOff"].contains(&reason.as_str());
            ensure!(told, "the Pod waits for {reason:?}");
            Ok(())
        })
    })
}

#[test]
fn a4_hooks_and_grace() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: polite}
spec:
  terminationGracePeriodSeconds: 30
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'trap \"echo asked to go; exit 0\" TERM; echo here; while true; do sleep 0.2; done']
    lifecycle:
      postStart: {exec: {command: [sh, -c, 'echo hello > /started']}}
      preStop: {exec: {command: [sh, -c, 'echo goodbye > /proc/1/fd/1']}}
---
apiVersion: v1
kind: Pod
metadata: {name: stubborn}
spec:
  terminationGracePeriodSeconds: 3
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'trap \"\" TERM; while true; do sleep 0.2; done']
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/polite pod/stubborn --timeout=120s")?;
        let greeting = cluster.kubectl("exec polite -- cat /started")?;
        ensure!(greeting == "hello\n", "{greeting:?}");

        let log = cluster.home().join("polite.log");
        let mut following = cluster.start("kubectl logs -f polite", &log)?;
        eventually("kubectl to follow the log", 20, || {
            ensure!(std::fs::read_to_string(&log)? == "here\n", "not yet");
            Ok(())
        })?;
        cluster.kubectl("delete pod polite --timeout=60s")?;
        following.wait()?;
        let said = std::fs::read_to_string(&log)?;
        ensure!(said == "here\ngoodbye\nasked to go\n", "{said:?}");

        let started = Instant::now();
        cluster.kubectl("delete pod stubborn --timeout=60s")?;
        let took = started.elapsed().as_secs_f64();
        ensure!(
            (3.0..20.0).contains(&took),
            "it took {took} s with a grace of 3 s"
        );
        Ok(())
    })
}
