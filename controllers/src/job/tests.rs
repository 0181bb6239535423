//! Jobs and their Pods in, plans out.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::plan::{Plan, plan};
use super::tally::Seen;

const NOW: &str = "2026-01-01T01:00:00Z";
const STARTED: &str = "2026-01-01T00:59:00Z";

fn job(spec: Value, status: Value) -> Job {
    let mut job = json!({"metadata": {"name": "pi", "namespace": "default", "uid": "j"}, "spec": {
        "completions": 1, "parallelism": 1, "backoffLimit": 6,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "perl"}]}}}});
    merge(&mut job["spec"], spec);
    job["status"] = json!({"startTime": STARTED});
    merge(&mut job["status"], status);
    serde_json::from_value(job).unwrap()
}

fn merge(into: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap() {
        into[key] = value.clone();
    }
}

/// `name phase`, with the words `counted` (no finalizer), `deleting`, `index=N`, `failures=N`, `exit=N`, `late` (it
/// ended just now), `ready` after it.
fn pod(text: &str) -> Arc<Pod> {
    let mut words = text.split(' ');
    let (name, phase) = (words.next().unwrap(), words.next().unwrap());
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name,
            "finalizers": ["batch.kubernetes.io/job-tracking"], "annotations": {}},
        "status": {"phase": phase, "containerStatuses": [{
            "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 1, "finishedAt": STARTED}}}]},
    });
    let terminated = "/status/containerStatuses/0/state/terminated";
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("counted", _) => pod["metadata"]["finalizers"] = json!([]),
            ("deleting", _) => pod["metadata"]["deletionTimestamp"] = NOW.into(),
            ("ready", _) => {
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
            }
            ("index", index) => {
                pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] =
                    index.into();
            }
            ("failures", count) => {
                pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] =
                    count.into();
            }
            ("exit", code) => {
                pod.pointer_mut(terminated).unwrap()["exitCode"] =
                    code.parse::<i32>().unwrap().into();
            }
            ("late", _) => pod.pointer_mut(terminated).unwrap()["finishedAt"] = NOW.into(),
            other => panic!("{other:?}"),
        }
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn planned(job: &Job, pods: &[&str]) -> Plan {
    let pods: Vec<_> = pods.iter().map(|text| pod(text)).collect();
    let seen = Seen {
        job,
        pods: &pods,
        now: NOW.parse().unwrap(),
    };
    plan(&seen).expect("a Job that has not ended")
}

/// The plan in words: what is made, deleted, released, and the conditions.
fn shown(plan: &Plan) -> String {
    let names = |pods: &[Arc<Pod>]| {
        pods.iter()
            .map(|pod| pod.name_any())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut words = Vec::new();
    match plan.create.len() {
        0 => {}
        count if plan.create[0].index.is_none() => words.push(format!("create {count}")),
        _ => {
            let index = plan.create.iter().map(|new| new.index.unwrap().to_string());
            words.push(format!(
                "create index {}",
                index.collect::<Vec<_>>().join(" ")
            ));
        }
    }
    for (verb, pods) in [
        ("drop", &plan.drop),
        ("end", &plan.end),
        ("release", &plan.release),
    ] {
        if !pods.is_empty() {
            words.push(format!("{verb} {}", names(pods)));
        }
    }
    if let Some(again) = plan.again {
        words.push(format!("again in {again:?}"));
    }
    for condition in plan.status.conditions.iter().flatten() {
        let (type_, status) = (&condition.type_, &condition.status);
        words.push(format!(
            "{type_}={status} {}",
            condition.reason.as_deref().unwrap()
        ));
    }
    words.join("; ")
}

#[test]
fn pods_are_made_as_completions_and_parallelism_say() {
    let cases: [(Value, &[&str], &str); 9] = [
        (json!({}), &[], "create 1"),
        (json!({}), &["a Running"], ""),
        (json!({"completions": 5, "parallelism": 2}), &[], "create 2"),
        (
            json!({"completions": 5, "parallelism": 2}),
            &["a Running"],
            "create 1",
        ),
        (
            json!({"completions": 2, "parallelism": 5}),
            &["a Succeeded"],
            "create 1; release a",
        ),
        (json!({"parallelism": 0}), &["a Running"], "drop a"),
        (
            json!({"completions": null, "parallelism": 3}),
            &["a Running"],
            "create 2",
        ),
        (
            json!({"completions": null, "parallelism": 3}),
            &["a Running", "b Succeeded"],
            "release b",
        ),
        (
            json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed"}),
            &[
                "a Running index=1",
                "b Running index=1",
                "c Running index=7",
            ],
            "drop b c",
        ),
    ];
    for (spec, pods, expected) in cases {
        assert_eq!(
            shown(&planned(&job(spec.clone(), json!({})), pods)),
            expected,
            "{spec} {pods:?}"
        );
    }
}

#[test]
fn a_pod_is_counted_in_three_steps() {
    // It ended: the status names it, then it loses its finalizer.
    let plan = planned(&job(json!({}), json!({})), &["a Succeeded"]);
    assert_eq!(
        shown(&plan),
        "release a; SuccessCriteriaMet=True CompletionsReached"
    );
    assert_eq!(
        json!(plan.status.uncounted_terminated_pods),
        json!({"succeeded": ["a"]})
    );
    assert_eq!(plan.status.succeeded, None);
    // It has no finalizer: it counts, and the Job has ended.
    let named = json!({
        "uncountedTerminatedPods": {"succeeded": ["a"]},
        "conditions": [{"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached",
            "message": "Reached expected number of succeeded pods"}],
    });
    for pods in [&["a Succeeded counted"][..], &[]] {
        let plan = planned(&job(json!({}), named.clone()), pods);
        let conditions =
            "SuccessCriteriaMet=True CompletionsReached; Complete=True CompletionsReached";
        assert_eq!(shown(&plan), conditions);
        assert_eq!(plan.status.succeeded, Some(1));
        assert_eq!(
            plan.status.completion_time.unwrap().0,
            NOW.parse::<Timestamp>().unwrap()
        );
        assert_eq!(plan.tell[0].1.reason, "Completed");
    }
    // The controller was killed between the two: the Pod is not counted again.
    let plan = planned(&job(json!({}), named), &["a Succeeded"]);
    assert_eq!(
        json!(plan.status.uncounted_terminated_pods),
        json!({"succeeded": ["a"]})
    );
    assert_eq!(plan.status.succeeded, None);
}

#[test]
fn failures_are_waited_for_and_limited() {
    let limit = |limit: i32| json!({"backoffLimit": limit});
    let failed = "FailureTarget=True BackoffLimitExceeded";
    let cases: [(Value, &[&str], String); 6] = [
        (limit(1), &["a Failed"], "create 1; release a".to_owned()),
        (
            limit(1),
            &["a Failed late"],
            "release a; again in 10s".to_owned(),
        ),
        (
            limit(2),
            &["a Failed late", "b Failed late"],
            "release a b; again in 20s".to_owned(),
        ),
        (limit(0), &["a Failed"], format!("release a; {failed}")),
        (
            json!({"backoffLimit": 0, "parallelism": 2, "completions": 2}),
            &["a Failed", "b Running"],
            format!("end b; release a; {failed}"),
        ),
        (
            json!({"activeDeadlineSeconds": 60}),
            &["a Running"],
            "end a; FailureTarget=True DeadlineExceeded".to_owned(),
        ),
    ];
    for (spec, pods, expected) in cases {
        assert_eq!(
            shown(&planned(&job(spec.clone(), json!({})), pods)),
            expected,
            "{spec} {pods:?}"
        );
    }
    let longer = json!({"activeDeadlineSeconds": 90});
    assert_eq!(
        shown(&planned(&job(longer, json!({})), &["a Running"])),
        "again in 30s"
    );
}

#[test]
fn a_failed_job_ends_when_its_pods_have() {
    let target = json!({"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m"});
    let status =
        |uncounted: Value| json!({"conditions": [target], "uncountedTerminatedPods": uncounted});
    let target = "FailureTarget=True DeadlineExceeded";
    let plan = planned(&job(json!({}), status(json!({}))), &["a Running deleting"]);
    assert_eq!(shown(&plan), format!("release a; {target}"));
    let plan = planned(
        &job(json!({}), status(json!({"failed": ["a"]}))),
        &["a Running deleting counted"],
    );
    assert_eq!(
        (shown(&plan).as_str(), plan.status.failed),
        (target, Some(1))
    );
    let plan = planned(&job(json!({}), status(json!({"failed": ["a"]}))), &[]);
    assert_eq!(
        shown(&plan),
        format!("{target}; Failed=True DeadlineExceeded")
    );
    assert!(plan.tell[0].0, "it is a warning");
}

#[test]
fn a_suspended_job_has_no_pods() {
    let suspended = json!({"suspend": true});
    let plan = planned(&job(suspended, json!({})), &["a Running ready"]);
    assert_eq!(shown(&plan), "drop a; Suspended=True JobSuspended");
    assert_eq!(plan.status.start_time, None);
    assert_eq!((plan.status.active, plan.status.ready), (None, Some(0)));
    let was = json!({"startTime": null, "conditions": [{"type": "Suspended", "status": "True"}]});
    let plan = planned(&job(json!({}), was), &[]);
    assert_eq!(shown(&plan), "create 1; Suspended=False JobResumed");
    assert_eq!(
        plan.status.start_time.unwrap().0,
        NOW.parse::<Timestamp>().unwrap()
    );
}

#[test]
fn a_suspended_job_with_nothing_to_do_has_started_when_it_ends() {
    let empty = json!({"suspend": true, "completions": 0});
    let met = json!({"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached",
        "message": "Reached expected number of succeeded pods"});
    let status = json!({"startTime": null, "conditions": [met]});
    let plan = planned(&job(empty, status), &[]);
    assert!(shown(&plan).contains("Complete=True"), "{}", shown(&plan));
    assert!(plan.status.start_time.is_some());
}

#[test]
fn only_pods_that_stay_are_active_and_ready() {
    let one = json!({"parallelism": 1, "completions": 3});
    let plan = planned(
        &job(one, json!({})),
        &["a Running ready", "b Running ready"],
    );
    assert_eq!((plan.status.active, plan.status.ready), (Some(1), Some(1)));
    let failing = json!({"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m"});
    let failing = json!({"conditions": [failing]});
    let plan = planned(&job(json!({}), failing), &["a Running ready"]);
    assert_eq!((plan.status.active, plan.status.ready), (None, Some(0)));
}

#[test]
fn indexes_are_counted_by_themselves() {
    let spec = |more: Value| {
        let mut spec = json!({"completions": 4, "parallelism": 2, "completionMode": "Indexed"});
        merge(&mut spec, more);
        spec
    };
    let done = json!({"completedIndexes": "0"});
    let plan = planned(
        &job(spec(json!({})), done),
        &["a Succeeded index=2", "b Running index=1"],
    );
    assert_eq!(shown(&plan), "create index 3; release a");
    assert_eq!(plan.status.completed_indexes.as_deref(), Some("0,2"));
    assert_eq!(plan.status.succeeded, Some(2));

    let by_rule = spec(
        json!({"successPolicy": {"rules": [{"succeededIndexes": "2-3", "succeededCount": 1}]}}),
    );
    let plan = planned(
        &job(by_rule, json!({})),
        &["a Succeeded index=2", "b Running index=1"],
    );
    assert_eq!(
        shown(&plan),
        "end b; release a; SuccessCriteriaMet=True SuccessPolicy"
    );
}

#[test]
fn indexes_fail_by_themselves() {
    let spec = |limit: i32| {
        json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimit": i32::MAX,
            "backoffLimitPerIndex": limit})
    };
    let plan = planned(
        &job(spec(1), json!({})),
        &["a Failed index=0 failures=0", "b Running index=1"],
    );
    assert_eq!(
        shown(&plan),
        "create index 0",
        "the failed Pod stays until its successor knows"
    );
    assert_eq!(plan.create[0].failures.unwrap().counted, 1);
    assert_eq!(plan.status.failed_indexes.as_deref(), Some(""));

    let pods = [
        "a Failed index=0 failures=0",
        "c Failed index=0 failures=1",
        "b Running index=1",
    ];
    let plan = planned(&job(spec(1), json!({})), &pods);
    assert_eq!(shown(&plan), "release a c");
    assert_eq!(plan.status.failed_indexes.as_deref(), Some("0"));

    let plan = planned(
        &job(spec(0), json!({})),
        &["a Failed index=0", "b Succeeded index=1"],
    );
    assert_eq!(
        shown(&plan),
        "release a b; FailureTarget=True FailedIndexes"
    );
}

#[test]
fn a_policy_tells_what_a_failure_means() {
    let spec = |action: &str| {
        json!({"backoffLimit": 0, "podReplacementPolicy": "Failed", "podFailurePolicy": {"rules": [
            {"action": action, "onExitCodes": {"operator": "In", "values": [42]}}]}})
    };
    let plan = planned(&job(spec("FailJob"), json!({})), &["a Failed exit=42"]);
    assert_eq!(
        shown(&plan),
        "release a; FailureTarget=True PodFailurePolicy"
    );
    assert_eq!(
        plan.status.conditions.unwrap()[0].message.as_deref(),
        Some(
            "Container c for pod default/a failed with exit code 42 matching FailJob rule at index 0"
        )
    );
    let plan = planned(&job(spec("Ignore"), json!({})), &["a Failed exit=42"]);
    assert_eq!(shown(&plan), "create 1; release a");
    let plan = planned(&job(spec("Ignore"), json!({})), &["a Failed exit=1"]);
    assert_eq!(
        shown(&plan),
        "release a; FailureTarget=True BackoffLimitExceeded"
    );
    let plan = planned(&job(spec("Ignore"), json!({})), &["a Running deleting"]);
    assert_eq!(
        shown(&plan),
        "",
        "a Pod that is going is replaced when it has gone"
    );
}

#[test]
fn a_pod_of_an_index_knows_it() {
    let spec = json!({"completions": 4, "completionMode": "Indexed"});
    let new = super::pod::NewPod {
        index: Some(3),
        failures: None,
    };
    let pod = json!(new.of(&job(spec, json!({}))));
    assert_eq!(pod["metadata"]["generateName"], "pi-3-");
    assert_eq!(
        pod["metadata"]["finalizers"],
        json!(["batch.kubernetes.io/job-tracking"])
    );
    assert_eq!(pod["spec"]["hostname"], "pi-3");
    let index = "metadata.labels['batch.kubernetes.io/job-completion-index']";
    assert_eq!(
        pod["spec"]["containers"][0]["env"],
        json!([{"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": index}}}])
    );
}
