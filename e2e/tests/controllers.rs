//! Controllers: scenarios B1 and B3.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::{Context, Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster};

#[test]
fn b1_scale_update_undo() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
        cluster.pods_ready("app=web", 2)?;

        cluster.kubectl("scale deployment web --replicas=5")?;
        cluster.pods_ready("app=web", 5)?;

        let available = Watched::start(cluster, "deployment web", ".status.availableReplicas")?;
        let wanted = Watched::start(cluster, "replicasets -l app=web", ".spec.replicas")?;
        cluster.kubectl("set image deployment/web nginx=nginx:1.20")?;
        cluster.kubectl("rollout status deployment/web --timeout=120s")?;
        // 25 % of 5 may be missing, rounded down, and 25 % may be too many, rounded up.
        for (_, available) in available.end()? {
            ensure!(available >= 4, "{available} were available");
        }
        let mut sizes = HashMap::new();
        for (replica_set, size) in wanted.end()? {
            sizes.insert(replica_set, size);
            ensure!(sizes.values().sum::<u32>() <= 7, "wanted: {sizes:?}");
        }
        let images = "pods -l app=web --field-selector status.phase=Running";
        let images_are = |image: &str| {
            eventually(&format!("five Pods of {image}"), 60, || {
                let seen = cluster.field(images, ".items[*].spec.containers[0].image")?;
                ensure!(seen == [image; 5].join(" "), "the images are {seen}");
                Ok(())
            })
        };
        images_are("nginx:1.20")?;
        let history = cluster.kubectl("rollout history deployment/web")?;
        ensure!(
            history.contains("\n1 ") && history.contains("\n2 "),
            "{history}"
        );

        cluster.kubectl("rollout undo deployment/web")?;
        cluster.kubectl("rollout status deployment/web --timeout=120s")?;
        images_are("nginx:1.19")?;
        let replica_sets = cluster.names("replicasets -l app=web")?;
        ensure!(
            replica_sets.len() == 2,
            "the old ReplicaSet is used again: {replica_sets:?}"
        );
        let history = cluster.kubectl("rollout history deployment/web")?;
        ensure!(
            !history.contains("\n1 ") && history.contains("\n3 "),
            "{history}"
        );

        cluster.kubectl("rollout pause deployment/web")?;
        cluster.kubectl("set image deployment/web nginx=nginx:1.20")?;
        cluster.field_becomes(
            "deployment web",
            ".status.observedGeneration",
            &cluster.field("deployment web", ".metadata.generation")?,
            30,
        )?;
        images_are("nginx:1.19")?;
        cluster.kubectl("rollout resume deployment/web")?;
        cluster.kubectl("rollout status deployment/web --timeout=120s")?;
        images_are("nginx:1.20")?;
        Ok(())
    })
}

/// A number of objects as `kubectl get --watch` shows it, change by change.
struct Watched {
    command: Child,
    seen: PathBuf,
}

impl Watched {
    fn start(cluster: &Node, objects: &str, number: &str) -> Result<Self> {
        let seen = cluster.home().join(number);
        let line = format!("{{.metadata.name}} {{{number}}}{{\"\\n\"}}");
        let command = cluster.start(
            &format!("kubectl get {objects} --watch -o 'jsonpath={line}'"),
            &seen,
        )?;
        said(&seen, "\n")?;
        Ok(Self { command, seen })
    }

    /// Ends the watch: the name of the object and the number, in the order of the changes.
    fn end(mut self) -> Result<Vec<(String, u32)>> {
        self.command.kill()?;
        self.command.wait()?;
        let seen = fs::read_to_string(&self.seen)?;
        let change = |line: &str| {
            let (name, number) = line.split_once(' ').context("a name and a number")?;
            Ok((name.to_owned(), number.parse()?))
        };
        seen.lines().map(change).collect()
    }
}

/// Waits until a command that runs on has written `text` into `file`.
fn said(file: &Path, text: &str) -> Result<()> {
    eventually(&format!("{text:?} in {}", file.display()), 20, || {
        let said = fs::read_to_string(file)?;
        ensure!(said.contains(text), "{said}");
        Ok(())
    })
}

#[test]
fn b1_a_deleted_pod_is_replaced() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
        let before = cluster.pods_ready("app=web", 2)?;
        cluster.kubectl(&format!("delete pod {}", before[0]))?;
        let after = cluster.pods_ready("app=web", 2)?;
        ensure!(!after.contains(&before[0]), "{} is still there", before[0]);
        ensure!(after.contains(&before[1]), "{} was replaced too", before[1]);
        Ok(())
    })
}

const STATEFUL_SET: &str = "
apiVersion: v1
kind: Service
metadata: {name: nginx}
spec:
  clusterIP: None
  selector: {app: nginx}
  ports: [{port: 80, name: web}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: nginx
  replicas: 2
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: nginx
        image: nginx:1.19
        ports: [{containerPort: 80, name: web}]
        readinessProbe: {httpGet: {path: /, port: web}, periodSeconds: 1}
";

#[test]
fn b3_statefulset_in_order() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(STATEFUL_SET)?;
        cluster.pods_ready("app=nginx", 2)?;
        let ready_at = r#".status.conditions[?(@.type=="Ready")].lastTransitionTime"#;
        let first_ready = cluster.field("pod web-0", ready_at)?;
        let second_created = cluster.field("pod web-1", ".metadata.creationTimestamp")?;
        ensure!(
            first_ready <= second_created,
            "web-1 came at {second_created}, before {first_ready}"
        );
        let hostname = cluster.kubectl("exec web-1 -- hostname")?;
        ensure!(hostname == "web-1\n", "{hostname:?}");

        cluster.kubectl("scale statefulset web --replicas=4")?;
        let pods = cluster.pods_ready("app=nginx", 4)?;
        ensure!(pods == ["web-0", "web-1", "web-2", "web-3"], "{pods:?}");

        let seen = cluster.home().join("scale-down");
        let mut watching = cluster.start(
            "kubectl get pods -l app=nginx --output-watch-events --watch",
            &seen,
        )?;
        said(&seen, "web-3")?;
        cluster.kubectl("scale statefulset web --replicas=2")?;
        eventually("web-3 to go, then web-2", 60, || {
            let events = fs::read_to_string(&seen)?;
            let gone: Vec<_> = events
                .lines()
                .filter(|line| line.starts_with("DELETED"))
                .collect();
            ensure!(gone.len() == 2, "{events}");
            ensure!(
                gone[0].contains("web-3") && gone[1].contains("web-2"),
                "{gone:?}"
            );
            Ok(())
        })?;
        watching.kill()?;
        watching.wait()?;

        let uid = cluster.field("pod web-0", ".metadata.uid")?;
        cluster.kubectl("delete pod web-0")?;
        let pods = cluster.pods_ready("app=nginx", 2)?;
        ensure!(pods == ["web-0", "web-1"], "{pods:?}");
        ensure!(
            cluster.field("pod web-0", ".metadata.uid")? != uid,
            "web-0 was not replaced"
        );

        cluster.kubectl("set image statefulset/web nginx=nginx:1.20")?;
        cluster.kubectl("rollout status statefulset/web --timeout=120s")?;
        let created =
            |pod: &str| cluster.field(&format!("pod {pod}"), ".metadata.creationTimestamp");
        ensure!(
            created("web-1")? <= created("web-0")?,
            "the highest ordinal comes first"
        );
        let images = cluster.field("pods -l app=nginx", ".items[*].spec.containers[0].image")?;
        ensure!(images == "nginx:1.20 nginx:1.20", "{images}");
        Ok(())
    })
}
