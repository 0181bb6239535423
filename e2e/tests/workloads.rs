//! Workloads: scenarios B1 (the rest of Deployments), B2, B4 and B5.

use anyhow::{Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster};

/// A Pod of busybox that ends on SIGTERM at once.
const SLEEP: &str = "[sh, -c, \"trap 'exit 0' TERM; sleep 3600 & wait\"]";

fn waits(cluster: &Node, what: &str, condition: &str) -> Result<()> {
    cluster.kubectl(&format!("wait {what} --for={condition} --timeout=120s"))?;
    Ok(())
}

fn told(cluster: &Node, object: &str, reasons: &[&str]) -> Result<()> {
    eventually(&format!("{object} to tell {reasons:?}"), 30, || {
        let told = cluster.event_reasons(object)?;
        let has = |reason: &&str| told.iter().any(|one| one == reason);
        ensure!(reasons.iter().all(has), "it tells {told:?}");
        Ok(())
    })
}

fn no_pods(cluster: &Node, selector: &str) -> Result<()> {
    eventually(&format!("the Pods of {selector} to go"), 60, || {
        let left = cluster.names(&format!("pods -l {selector}"))?;
        ensure!(left.is_empty(), "there are {left:?}");
        Ok(())
    })
}

const PI: &str = "
apiVersion: batch/v1
kind: Job
metadata: {name: pi}
spec:
  template:
    spec:
      containers:
      - name: pi
        image: perl:5.34.0
        command: [perl, -Mbignum=bpi, -wle, print bpi(2000)]
      restartPolicy: Never
  backoffLimit: 4
";

#[test]
fn b5_job_pi() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(PI)?;
        waits(cluster, "job/pi", "condition=complete")?;
        let digits = cluster.kubectl("logs job/pi")?;
        ensure!(digits.starts_with("3.14159265358979323846"), "{digits}");
        ensure!(digits.trim().len() >= 2000, "{} digits", digits.len());
        let row = cluster.kubectl("get job pi --no-headers")?;
        let cells: Vec<&str> = row.split_whitespace().collect();
        ensure!(cells[..3] == ["pi", "Complete", "1/1"], "{row}");
        told(cluster, "Job/pi", &["SuccessfulCreate", "Completed"])?;
        let described = cluster.kubectl("describe job pi")?;
        ensure!(
            described.contains("0 Active (0 Ready) / 1 Succeeded / 0 Failed"),
            "{described}"
        );

        let pods = cluster.names("pods -l batch.kubernetes.io/job-name=pi")?;
        ensure!(pods.len() == 1, "a Pod that has ended stays: {pods:?}");
        cluster.kubectl("delete job pi")?;
        no_pods(cluster, "batch.kubernetes.io/job-name=pi")
    })
}

fn job(name: &str, spec: &str, pod: &str) -> String {
    format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}}}, spec: {{{spec} template: {{spec: \
         {{restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{{name: c, image: busybox:1.28, \
         command: {pod}}}]}}}}}}}}"
    )
}

#[test]
fn b5_job_indexed() -> Result<()> {
    on_a_cluster(|cluster| {
        let spec = "completions: 3, parallelism: 3, completionMode: Indexed,";
        let pod = "[sh, -c, 'echo I am $JOB_COMPLETION_INDEX on $(hostname)']";
        cluster.apply(&job("parts", spec, pod))?;
        waits(cluster, "job/parts", "condition=complete")?;
        for index in 0..3 {
            let label = format!("batch.kubernetes.io/job-completion-index={index}");
            let said = cluster.kubectl(&format!("logs -l {label}"))?;
            ensure!(
                said == format!("I am {index} on parts-{index}\n"),
                "{said:?}"
            );
        }
        let indexes = cluster.field("job parts", ".status.completedIndexes")?;
        ensure!(indexes == "0-2", "{indexes}");

        // Each index fails by itself: the second one fails for good.
        let spec =
            "completions: 2, parallelism: 2, completionMode: Indexed, backoffLimitPerIndex: 0,";
        let pod = "[sh, -c, 'exit $JOB_COMPLETION_INDEX']";
        cluster.apply(&job("halves", spec, pod))?;
        waits(cluster, "job/halves", "condition=failed")?;
        let succeeded = cluster.field("job halves", ".status.completedIndexes")?;
        let failed = cluster.field("job halves", ".status.failedIndexes")?;
        ensure!(succeeded == "0" && failed == "1", "{succeeded}, {failed}");
        told(cluster, "Job/halves", &["FailedIndexes"])
    })
}

#[test]
fn b5_job_fails_suspends_and_expires() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&job("bad", "backoffLimit: 0,", "['false']"))?;
        waits(cluster, "job/bad", "condition=failed")?;
        told(cluster, "Job/bad", &["BackoffLimitExceeded"])?;

        let policy = "backoffLimit: 6, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: \
                      {operator: In, values: [42]}}]},";
        cluster.apply(&job("strict", policy, "[sh, -c, exit 42]"))?;
        waits(cluster, "job/strict", "condition=failed")?;
        let why = cluster.field(
            "job strict",
            ".status.conditions[?(@.type==\"Failed\")].message",
        )?;
        ensure!(
            why.contains("failed with exit code 42 matching FailJob rule at index 0"),
            "{why}"
        );

        cluster.apply(&job("rest", "suspend: true,", SLEEP))?;
        waits(cluster, "job/rest", "condition=suspended")?;
        let pods = "batch.kubernetes.io/job-name=rest";
        ensure!(
            cluster.names(&format!("pods -l {pods}"))?.is_empty(),
            "a suspended Job has Pods"
        );
        cluster.kubectl("patch job rest -p '{\"spec\":{\"suspend\":false}}'")?;
        cluster.pods_ready(pods, 1)?;
        cluster.kubectl("patch job rest -p '{\"spec\":{\"suspend\":true}}'")?;
        no_pods(cluster, pods)?;
        told(
            cluster,
            "Job/rest",
            &["Suspended", "Resumed", "SuccessfulDelete"],
        )?;

        cluster.apply(&job("brief", "ttlSecondsAfterFinished: 1,", "['true']"))?;
        waits(cluster, "job/brief", "delete")
    })
}

#[test]
fn b5_cron_job() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster
            .kubectl("create cronjob hello --image=busybox:1.28 --schedule='@every 2s' -- date")?;
        let row = cluster.kubectl("get cronjob hello --no-headers")?;
        let cells: Vec<&str> = row.split_whitespace().collect();
        let expected = ["hello", "@every", "2s", "<none>", "False"];
        ensure!(cells[..5] == expected, "{row}");
        told(
            cluster,
            "CronJob/hello",
            &["SuccessfulCreate", "SawCompletedJob"],
        )?;
        cluster.kubectl("patch cronjob hello -p '{\"spec\":{\"suspend\":true}}'")?;

        cluster.kubectl("create job manual --from=cronjob/hello")?;
        waits(cluster, "job/manual", "condition=complete")?;
        let owner = cluster.field("job manual", ".metadata.ownerReferences[0].kind")?;
        ensure!(owner == "CronJob", "{owner}");

        let wrong =
            cluster.refused("kubectl create cronjob bad --image=busybox:1.28 --schedule=often")?;
        ensure!(
            wrong.contains("expected exactly 5 fields, found 1: [often]"),
            "{wrong}"
        );

        cluster.kubectl("delete cronjob hello")?;
        eventually("its Jobs to go", 60, || {
            let jobs = cluster.names("jobs,pods")?;
            ensure!(jobs.is_empty(), "there are {jobs:?}");
            Ok(())
        })
    })
}

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
        no_pods(cluster, "app=agent")?;
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
    no_pods(cluster, "app=web")
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
        cluster.kubectl("rollout status deployment/web --timeout=120s")?;
        cluster.pods_ready("app=web", 2)?;
        Ok(())
    })
}
