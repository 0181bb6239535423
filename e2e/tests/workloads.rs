//! Workloads: scenarios B1 (the rest of Deployments), B2 and B4.

use anyhow::{Result, ensure};
use skiff_e2e::{Node, SLEEP, eventually, on_a_cluster};

const DAEMON: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostNetwork: true
      terminationGracePeriodSeconds: 1
      containers:
      - name: agent
        image: busybox:1.28
        command: [sh, -c, \"trap 'exit 0' TERM; sleep 3600 & wait\"]
";

#[test]
fn b4_daemon_set() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(DAEMON)?;
        let pods = cluster.pods_ready("app=agent", 1)?;
        let address = cluster.field(&format!("pod {}", pods[0]), ".status.podIP")?;
        let node = cluster.address().to_string();
        ensure!(address == node, "hostNetwork, but {address}");

        cluster.kubectl("set env daemonset/agent COLOUR=red")?;
        cluster.kubectl("rollout status daemonset/agent --timeout=120s")?;
        let renewed = cluster.pods_ready("app=agent", 1)?;
        ensure!(renewed != pods, "{pods:?} was not replaced");
        cluster.kubectl("rollout undo daemonset/agent")?;
        cluster.kubectl("rollout status daemonset/agent --timeout=120s")?;
        let variables =
            cluster.field("daemonset agent", ".spec.template.spec.containers[0].env")?;
        ensure!(variables.is_empty(), "undone, but {variables}");
        let history = cluster.kubectl("rollout history daemonset/agent")?;
        ensure!(
            history.contains("\n2 ") && history.contains("\n3 "),
            "{history}"
        );
        cluster.kubectl("rollout restart daemonset/agent")?;
        cluster.kubectl("rollout status daemonset/agent --timeout=120s")?;

        // Daemons run on a closed node as well, and only on those that are chosen.
        let node = cluster.field("nodes", ".items[0].metadata.name")?;
        cluster.kubectl(&format!("cordon {node}"))?;
        let pods = cluster.pods_ready("app=agent", 1)?;
        cluster.kubectl(&format!("delete pod {}", pods[0]))?;
        cluster.pods_ready("app=agent", 1)?;
        let select = "{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"disk\":\"fast\"}}}}}";
        cluster.kubectl(&format!("patch daemonset agent -p '{select}'"))?;
        cluster.no_pods("app=agent")?;
        cluster.kubectl(&format!("label node {node} disk=fast"))?;
        cluster.pods_ready("app=agent", 1)?;
        cluster.field_becomes("daemonset agent", ".status.numberAvailable", "1", 30)
    })
}

#[test]
fn b4_a_joining_node_gets_its_pod() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(DAEMON)?;
        cluster.pods_ready("app=agent", 1)?;
        let token = cluster.skiff_does("token create")?;
        let joined = cluster.net().node().joining(cluster, &token).start()?;
        cluster.pods_ready("app=agent", 2)?;
        let nodes = cluster.field("pods -l app=agent", ".items[*].spec.nodeName")?;
        ensure!(
            nodes.split(' ').any(|node| node == joined.name()),
            "{nodes}"
        );
        cluster.kubectl("rollout restart daemonset/agent")?;
        cluster.kubectl("rollout status daemonset/agent --timeout=120s")?;
        Ok(())
    })
}

fn replicas(kind: &str) -> String {
    let (version, selector) = match kind {
        "ReplicaSet" => ("apps/v1", "{matchLabels: {app: web}}"),
        _ => ("v1", "{app: web}"),
    };
    format!(
        "{{apiVersion: {version}, kind: {kind}, metadata: {{name: web}}, spec: {{replicas: 2, selector: {selector}, \
         template: {{metadata: {{labels: {{app: web}}}}, spec: {{terminationGracePeriodSeconds: 1, containers: \
         [{{name: c, image: busybox:1.28, command: {SLEEP}}}]}}}}}}}}"
    )
}

fn keeps_adopts_and_orphans(cluster: &Node, kind: &str) -> Result<()> {
    cluster.apply(&replicas(kind))?;
    let before = cluster.pods_ready("app=web", 2)?;
    cluster.kubectl(&format!("delete pod {}", before[0]))?;
    let after = cluster.pods_ready("app=web", 2)?;
    ensure!(
        !after.contains(&before[0]) && after.contains(&before[1]),
        "{before:?}, {after:?}"
    );

    // A Pod that is labelled otherwise is released and replaced; labelled back, it is one too many.
    cluster.kubectl(&format!("label pod {} app=other --overwrite", after[0]))?;
    cluster.pods_ready("app=web", 2)?;
    cluster.field_becomes(
        &format!("pod {}", after[0]),
        ".metadata.ownerReferences[*].uid",
        "",
        30,
    )?;
    cluster.kubectl(&format!("label pod {} app=web --overwrite", after[0]))?;
    cluster.pods_ready("app=web", 2)?;

    let kept = cluster.pods_ready("app=web", 2)?;
    cluster.kubectl(&format!("delete {kind} web --cascade=orphan"))?;
    ensure!(cluster.pods_ready("app=web", 2)? == kept, "orphans stay");
    cluster.apply(&replicas(kind))?;
    cluster.field_becomes(
        &format!("pod {}", kept[0]),
        ".metadata.ownerReferences[0].kind",
        kind,
        30,
    )?;
    ensure!(
        cluster.pods_ready("app=web", 2)? == kept,
        "orphans are adopted"
    );
    cluster.kubectl(&format!("delete {kind} web"))?;
    cluster.no_pods("app=web")
}

#[test]
fn b2_replica_set() -> Result<()> {
    on_a_cluster(|cluster| keeps_adopts_and_orphans(cluster, "ReplicaSet"))
}

#[test]
fn b2_replication_controller() -> Result<()> {
    on_a_cluster(|cluster| {
        keeps_adopts_and_orphans(cluster, "ReplicationController")?;
        cluster.apply(&replicas("ReplicationController"))?;
        cluster.kubectl("scale rc web --replicas=3")?;
        cluster.pods_ready("app=web", 3)?;
        let row = cluster.kubectl("get rc web --no-headers -o wide")?;
        ensure!(row.trim_end().ends_with("app=web"), "{row}");
        Ok(())
    })
}

#[test]
fn b1_recreate_restart_and_deadline() -> Result<()> {
    on_a_cluster(|cluster| {
        let deployment = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: 2, \
             strategy: {{type: Recreate}}, progressDeadlineSeconds: 5, selector: {{matchLabels: {{app: web}}}}, \
             template: {{metadata: {{labels: {{app: web}}}}, spec: {{terminationGracePeriodSeconds: 1, containers: \
             [{{name: c, image: busybox:1.28, command: {SLEEP}}}]}}}}}}}}"
        );
        cluster.apply(&deployment)?;
        let before = cluster.pods_ready("app=web", 2)?;
        cluster.kubectl("rollout restart deployment/web")?;
        cluster.kubectl("rollout status deployment/web --timeout=120s")?;
        let after = cluster.pods_ready("app=web", 2)?;
        ensure!(
            !after.iter().any(|pod| before.contains(pod)),
            "{before:?}, {after:?}"
        );

        // An image that nobody has: the deadline passes, users are told, and undo brings the Pods back.
        cluster.kubectl("set image deployment/web c=nobody/has:this")?;
        let progress = ".status.conditions[?(@.type==\"Progressing\")].reason";
        cluster.field_becomes("deployment web", progress, "ProgressDeadlineExceeded", 60)?;
        let late = cluster.refused("kubectl rollout status deployment/web --timeout=30s")?;
        ensure!(late.contains("exceeded its progress deadline"), "{late}");
        cluster.kubectl("rollout undo deployment/web")?;
        // Until the old Pods are gone and the first new one is there it counts as late still, as in Kubernetes.
        eventually("the rollout to go on", 60, || {
            cluster.kubectl("rollout status deployment/web --timeout=120s")
        })?;
        cluster.pods_ready("app=web", 2)?;
        Ok(())
    })
}

/// A workload of this kind with these lines in its spec.
fn workload(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
{spec}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: c, image: 'nginx:1.19'}}]
"
    )
}

#[test]
fn b1_old_revisions_go() -> Result<()> {
    on_a_cluster(|cluster| {
        // None of them has Pods.
        let kinds = [
            ("Deployment", "  replicas: 0"),
            ("StatefulSet", "  replicas: 0\n  serviceName: statefulset"),
            ("DaemonSet", "  updateStrategy: {type: OnDelete}"),
        ];
        for (kind, spec) in kinds {
            let name = kind.to_lowercase();
            let spec = format!("{spec}\n  revisionHistoryLimit: 1");
            let nowhere = "      nodeSelector: {disk: none}\n      terminationGrace";
            let nowhere = workload(kind, &name, &spec).replace("      terminationGrace", nowhere);
            cluster.apply(&nowhere)?;
            let what = format!("{name}/{name}");
            // A revision is its number at the beginning of a line.
            let history_becomes = |expected: &[&str]| {
                eventually(
                    &format!("{kind} with the revisions {expected:?}"),
                    60,
                    || {
                        let history = cluster.kubectl(&format!("rollout history {what}"))?;
                        let lines = history.lines().skip(2);
                        let seen: Vec<&str> =
                            lines.filter_map(|line| line.split(' ').next()).collect();
                        let seen: Vec<&str> =
                            seen.into_iter().filter(|one| !one.is_empty()).collect();
                        ensure!(seen == expected, "{history}");
                        Ok(())
                    },
                )
            };
            history_becomes(&["1"])?;
            for expected in [["1", "2"], ["2", "3"], ["3", "4"]] {
                cluster.kubectl(&format!("set env {what} BEFORE={}", expected[0]))?;
                history_becomes(&expected)?;
            }
            let gone = cluster.refused(&format!("kubectl rollout undo {what} --to-revision=1"))?;
            ensure!(
                gone.contains("unable to find specified revision 1"),
                "{gone}"
            );
            cluster.kubectl(&format!("rollout undo {what} --to-revision=3"))?;
            history_becomes(&["4", "5"])?;
        }
        Ok(())
    })
}

#[test]
fn b1_a_new_pod_counts_after_its_first_seconds() -> Result<()> {
    on_a_cluster(|cluster| {
        let strategy = "  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}";
        cluster.apply(&workload("Deployment", "web", strategy))?;
        let before = cluster.pods_ready("app=web", 1)?;
        let patch = |spec: &str| cluster.kubectl(&format!("patch deployment web -p '{spec}'"));
        patch(
            r#"{"spec": {"minReadySeconds": 500, "template": {"metadata": {"labels": {"of": "two"}}}}}"#,
        )?;
        // The new one is ready, but may fail yet: the old one stays.
        let both = cluster.pods_ready("app=web", 2)?;
        ensure!(both.contains(&before[0]), "{before:?}, {both:?}");
        let late = cluster.refused("kubectl rollout status deployment/web --timeout=1s")?;
        ensure!(late.contains("timed out"), "{late}");
        cluster.field_becomes("deployment web", ".status.availableReplicas", "1", 30)?;

        patch(r#"{"spec": {"minReadySeconds": 0}}"#)?;
        cluster.kubectl("rollout status deployment/web --timeout=60s")?;
        let after = cluster.pods_ready("app=web", 1)?;
        ensure!(!before.contains(&after[0]), "{before:?}, {after:?}");
        Ok(())
    })
}

#[test]
fn b4_a_daemon_stays_until_its_successor_is_there() -> Result<()> {
    on_a_cluster(|cluster| {
        let strategy = "  updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}";
        cluster.apply(&workload("DaemonSet", "agent", strategy))?;
        let first = cluster.pods_ready("app=agent", 1)?;
        cluster.kubectl("set image daemonset/agent c=nginx:none")?;
        eventually("a second Pod beside the first", 60, || {
            let pods = cluster.names("pods -l app=agent")?;
            ensure!(pods.len() == 2 && pods.contains(&first[0]), "{pods:?}");
            Ok(())
        })?;
        cluster.field_becomes("daemonset agent", ".status.numberAvailable", "1", 30)?;

        // What cannot start is taken back, and what can replaces the first.
        cluster.kubectl("rollout undo daemonset/agent")?;
        ensure!(
            cluster.pods_ready("app=agent", 1)? == first,
            "{first:?} is gone"
        );
        cluster.kubectl("set image daemonset/agent c=nginx:1.20")?;
        cluster.kubectl("rollout status daemonset/agent --timeout=120s")?;
        let last = cluster.pods_ready("app=agent", 1)?;
        ensure!(last != first, "{last:?}");
        Ok(())
    })
}
