//! Jobs and CronJobs: scenario B5.

use anyhow::{Result, ensure};
use skiff_e2e::{Node, SLEEP, eventually, on_a_cluster};

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
        cluster.waits("job/pi", "condition=complete")?;
        let digits = cluster.kubectl("logs job/pi")?;
        ensure!(digits.starts_with("3.14159265358979323846"), "{digits}");
        ensure!(digits.trim().len() >= 2000, "{} digits", digits.len());
        let row = cluster.kubectl("get job pi --no-headers")?;
        let cells: Vec<&str> = row.split_whitespace().collect();
        ensure!(cells[..3] == ["pi", "Complete", "1/1"], "{row}");
        cluster.tells("Job/pi", &["SuccessfulCreate", "Completed"])?;
        let described = cluster.kubectl("describe job pi")?;
        ensure!(
            described.contains("0 Active (0 Ready) / 1 Succeeded / 0 Failed"),
            "{described}"
        );

        let pods = cluster.names("pods -l batch.kubernetes.io/job-name=pi")?;
        ensure!(pods.len() == 1, "a Pod that has ended stays: {pods:?}");
        cluster.kubectl("delete job pi")?;
        cluster.no_pods("batch.kubernetes.io/job-name=pi")
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
        cluster.waits("job/parts", "condition=complete")?;
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
        cluster.waits("job/halves", "condition=failed")?;
        let succeeded = cluster.field("job halves", ".status.completedIndexes")?;
        let failed = cluster.field("job halves", ".status.failedIndexes")?;
        ensure!(succeeded == "0" && failed == "1", "{succeeded}, {failed}");
        cluster.tells("Job/halves", &["FailedIndexes"])
    })
}

#[test]
fn b5_job_fails_suspends_and_expires() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&job("bad", "backoffLimit: 0,", "['false']"))?;
        cluster.waits("job/bad", "condition=failed")?;
        cluster.tells("Job/bad", &["BackoffLimitExceeded"])?;

        let policy = "backoffLimit: 6, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: \
                      {operator: In, values: [42]}}]},";
        cluster.apply(&job("strict", policy, "[sh, -c, exit 42]"))?;
        cluster.waits("job/strict", "condition=failed")?;
        let why = cluster.field(
            "job strict",
            ".status.conditions[?(@.type==\"Failed\")].message",
        )?;
        ensure!(
            why.contains("failed with exit code 42 matching FailJob rule at index 0"),
            "{why}"
        );

        cluster.apply(&job("rest", "suspend: true,", SLEEP))?;
        cluster.waits("job/rest", "condition=suspended")?;
        let pods = "batch.kubernetes.io/job-name=rest";
        ensure!(
            cluster.names(&format!("pods -l {pods}"))?.is_empty(),
            "a suspended Job has Pods"
        );
        cluster.kubectl("patch job rest -p '{\"spec\":{\"suspend\":false}}'")?;
        cluster.pods_ready(pods, 1)?;
        cluster.kubectl("patch job rest -p '{\"spec\":{\"suspend\":true}}'")?;
        cluster.no_pods(pods)?;
        cluster.tells("Job/rest", &["Suspended", "Resumed", "SuccessfulDelete"])?;

        cluster.apply(&job("brief", "ttlSecondsAfterFinished: 1,", "['true']"))?;
        cluster.waits("job/brief", "delete")
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
        cluster.tells("CronJob/hello", &["SuccessfulCreate", "SawCompletedJob"])?;
        cluster.kubectl("patch cronjob hello -p '{\"spec\":{\"suspend\":true}}'")?;

        cluster.kubectl("create job manual --from=cronjob/hello")?;
        cluster.waits("job/manual", "condition=complete")?;
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

#[test]
fn b5_job_policies_say_what_a_failure_means() -> Result<()> {
    on_a_cluster(|cluster| {
        // The first index is enough; the others are ended.
        let spec = "completions: 3, parallelism: 3, completionMode: Indexed, \
                    successPolicy: {rules: [{succeededIndexes: '0'}]},";
        let pod = "[sh, -c, '[ $JOB_COMPLETION_INDEX = 0 ] || sleep 3600']";
        cluster.apply(&job("leader", spec, pod))?;
        cluster.waits("job/leader", "condition=complete")?;
        let reasons = cluster.field("job leader", ".status.conditions[*].reason")?;
        ensure!(reasons == "SuccessPolicy SuccessPolicy", "{reasons}");
        let indexes = cluster.field("job leader", ".status.completedIndexes")?;
        ensure!(indexes == "0", "{indexes}");

        // One exit code fails its index without another try.
        let spec = "completions: 2, parallelism: 2, completionMode: Indexed, backoffLimitPerIndex: 3, \
                    podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [7]}}]},";
        let pod = "[sh, -c, 'exit $((JOB_COMPLETION_INDEX * 7))']";
        cluster.apply(&job("halves", spec, pod))?;
        cluster.waits("job/halves", "condition=failed")?;
        let counts = "{.status.failedIndexes} {.status.failed} {.status.succeeded}";
        let counts = cluster.kubectl(&format!("get job halves -o 'jsonpath={counts}'"))?;
        ensure!(counts == "1 1 1", "{counts}");

        // What an eviction ends does not count.
        let spec = "backoffLimit: 0, podFailurePolicy: \
                    {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]},";
        let pod = "[sh, -c, \"trap 'exit 1' TERM; sleep 3600 & wait\"]";
        cluster.apply(&job("moved", spec, pod))?;
        let pods = "batch.kubernetes.io/job-name=moved";
        let first = cluster.pods_ready(pods, 1)?.concat();
        let evicted = cluster.evict(&first)?;
        ensure!(evicted.success, "{}", evicted.stderr);
        eventually("another Pod in its place", 60, || {
            let now =
                cluster.pods_ready(&format!("{pods} --field-selector status.phase=Running"), 1)?;
            ensure!(now != [first.clone()], "it is {now:?}");
            Ok(())
        })?;
        let failed = cluster.field("job moved", ".status.failed")?;
        ensure!(failed.is_empty(), "{failed} have failed");
        Ok(())
    })
}

/// A CronJob that starts a Job as soon as it may, without Pods.
fn cron_job(name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {name}}}
spec:
  schedule: '@every 1s'
  {spec}
  jobTemplate:
    spec:
      suspend: true
      template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: 'busybox:1.28'}}]}}}}
"
    )
}

/// Lets a CronJob go on that has a Job of an earlier time under way, and returns that one's name.
fn go_on_beside_another(cluster: &Node, name: &str, policy: &str) -> Result<String> {
    let spec = format!("suspend: true\n  concurrencyPolicy: {policy}");
    cluster.apply(&cron_job(name, &spec))?;
    let owner = cluster.field(&format!("cronjob {name}"), ".metadata.uid")?;
    let earlier = format!("{name}-earlier");
    cluster.apply(&format!(
        "
apiVersion: batch/v1
kind: Job
metadata:
  name: {earlier}
  ownerReferences: [{{apiVersion: batch/v1, kind: CronJob, name: {name}, uid: {owner}, controller: true}}]
spec:
  suspend: true
  template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: 'busybox:1.28'}}]}}}}
"
    ))?;
    let uid = cluster.field(&format!("job {earlier}"), ".metadata.uid")?;
    let active = format!(
        r#"{{"status": {{"active": [{{"kind": "Job", "name": "{earlier}", "uid": "{uid}"}}]}}}}"#
    );
    let patch = format!("patch cronjob {name} --type=merge");
    cluster.kubectl(&format!("{patch} --subresource=status -p '{active}'"))?;
    cluster.kubectl(&format!(
        "{patch} -p '{{\"spec\": {{\"suspend\": false}}}}'"
    ))?;
    Ok(earlier)
}

#[test]
fn b5_cron_job_beside_its_earlier_job() -> Result<()> {
    on_a_cluster(|cluster| {
        let jobs_of = |name: &str| -> Result<Vec<String>> {
            let all = cluster.names("jobs")?.into_iter();
            Ok(all
                .filter(|job| job.starts_with(&format!("{name}-")))
                .collect())
        };
        let earlier = go_on_beside_another(cluster, "waits", "Forbid")?;
        cluster.tells("CronJob/waits", &["JobAlreadyActive"])?;
        let jobs = jobs_of("waits")?;
        ensure!(jobs == [earlier.clone()], "{jobs:?}");
        cluster.kubectl(&format!("delete job {earlier}"))?;
        cluster.tells("CronJob/waits", &["SuccessfulCreate"])?;

        let earlier = go_on_beside_another(cluster, "replaces", "Replace")?;
        cluster.tells(
            "CronJob/replaces",
            &["SuccessfulDelete", "SuccessfulCreate"],
        )?;
        // The next is replaced as well, a second later.
        eventually("one Job, which is another", 30, || {
            let jobs = jobs_of("replaces")?.join(" ");
            let active = cluster.field("cronjob replaces", ".status.active[*].name")?;
            ensure!(jobs == active && jobs != earlier, "{jobs:?}, {active:?}");
            ensure!(!jobs.contains(' '), "{jobs:?}");
            Ok(())
        })?;

        let earlier = go_on_beside_another(cluster, "allows", "Allow")?;
        cluster.tells("CronJob/allows", &["SuccessfulCreate"])?;
        let jobs = jobs_of("allows")?;
        ensure!(jobs.len() >= 2 && jobs.contains(&earlier), "{jobs:?}");
        Ok(())
    })
}

#[test]
fn b5_cron_job_in_its_time_zone() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&cron_job("there", "timeZone: Asia/Kolkata"))?;
        cluster.tells("CronJob/there", &["SuccessfulCreate"])?;
        let row = cluster.kubectl("get cronjob there --no-headers")?;
        ensure!(row.contains(" Asia/Kolkata "), "{row}");
        let time = r".metadata.annotations.batch\.kubernetes\.io/cronjob-scheduled-timestamp";
        let time = cluster.field("jobs", &format!(".items[0]{time}"))?;
        ensure!(time.ends_with("+05:30"), "{time}");
        let nowhere = cron_job("nowhere", "timeZone: Asia/Nowhere");
        let wrong = cluster.refused_with("kubectl create -f -", &nowhere)?;
        let words =
            "spec.timeZone: Invalid value: \"Asia/Nowhere\": unknown time zone Asia/Nowhere";
        ensure!(wrong.contains(words), "{wrong}");
        Ok(())
    })
}
