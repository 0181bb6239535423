//! Jobs as users write them.

use super::*;
use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

fn job() -> Value {
    json!({
        "metadata": {"name": "pi", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "pi", "image": "perl:5.34.0"}],
        }}},
    })
}

/// What is wrong with a sound Job after a change of its spec.
fn wrong(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut job = job();
    change(&mut job["spec"]);
    create_errors(&Job, &job)
}

#[test]
fn defaults() {
    let mut spec = created(&Job, &job())["spec"].clone();
    let template = spec
        .as_object_mut()
        .and_then(|spec| spec.remove("template"));
    let defaulted = json!({
        "parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false,
        "manualSelector": false, "podReplacementPolicy": "TerminatingOrFailed",
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}},
    });
    assert_eq!(spec, defaulted);
    let labels = json!({
        "job-name": "pi", "batch.kubernetes.io/job-name": "pi",
        "controller-uid": "u1", "batch.kubernetes.io/controller-uid": "u1",
    });
    assert_eq!(template.unwrap()["metadata"]["labels"], labels);

    let mut queue = job();
    queue["spec"]["parallelism"] = 3.into();
    queue["spec"]["podFailurePolicy"] =
        json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]});
    let spec = created(&Job, &queue)["spec"].clone();
    assert_eq!(spec.get("completions"), None);
    assert_eq!(spec["podReplacementPolicy"], "Failed");
    assert_eq!(
        spec["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"],
        "True"
    );
}

#[test]
fn a_job_in_the_list() {
    let mut object = created(&Job, &job());
    object["status"] = json!({"startTime": "2026-01-01T00:04:30Z", "active": 1});
    let row = [
        ("Name", json!("pi")),
        ("Status", json!("Running")),
        ("Completions", json!("0/1")),
        ("Duration", json!("30s")),
        ("Age", json!("5m")),
        ("Containers", json!("pi")),
        ("Images", json!("perl:5.34.0")),
        ("Selector", json!("batch.kubernetes.io/controller-uid=u1")),
    ];
    assert_row(&Job, &object, &row);
    object["status"] = json!({
        "startTime": "2026-01-01T00:01:00Z", "completionTime": "2026-01-01T00:01:07Z", "succeeded": 1,
        "conditions": [{"type": "Complete", "status": "True"}],
    });
    let cells = Job.cells(&object, "2026-01-01T00:05:00Z".parse().unwrap());
    assert_eq!(cells[1..4], [json!("Complete"), json!("1/1"), json!("7s")]);
}

#[test]
fn what_users_get_wrong() {
    assert_eq!(wrong(|_| {}), [""; 0]);
    let restart = "spec.template.spec.restartPolicy: ";
    assert_eq!(
        wrong(|spec| spec["template"]["spec"]["restartPolicy"] = Value::Null),
        [format!(
            "{restart}Required value: valid values: \"OnFailure\", \"Never\""
        )]
    );
    assert_eq!(
        wrong(|spec| spec["parallelism"] = (-1).into()),
        ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"]
    );
    assert_eq!(
        wrong(|spec| {
            spec["parallelism"] = 2.into();
            spec["completionMode"] = "Indexed".into();
        }),
        ["spec.completions: Required value: when completion mode is Indexed"]
    );
    assert_eq!(
        wrong(|spec| spec["backoffLimitPerIndex"] = 1.into()),
        ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"]
    );
    assert_eq!(
        wrong(|spec| spec["selector"] = json!({"matchLabels": {"app": "pi"}})),
        [
            "spec.selector: Invalid value: \
             {\"matchLabels\":{\"app\":\"pi\",\"batch.kubernetes.io/controller-uid\":\"u1\"}}: \
             `selector` not auto-generated",
            "spec.template.metadata.labels: Invalid value: {\"batch.kubernetes.io/controller-uid\":\"u1\",\
             \"batch.kubernetes.io/job-name\":\"pi\",\"controller-uid\":\"u1\",\"job-name\":\"pi\"}: \
             `selector` does not match template `labels`",
        ]
    );
}

#[test]
fn policies() {
    let rules =
        |rules: Value| wrong(move |spec| spec["podFailurePolicy"] = json!({"rules": rules}));
    let codes = |operator: &str, values: Value| {
        rules(
            json!([{"action": "FailJob", "onExitCodes": {"operator": operator, "values": values}}]),
        )
    };
    assert_eq!(codes("In", json!([1, 42])), [""; 0]);
    assert_eq!(codes("NotIn", json!([0])), [""; 0]);
    let at = "spec.podFailurePolicy.rules[0]";
    assert_eq!(
        codes("In", json!([0])),
        [format!(
            "{at}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"
        )]
    );
    assert_eq!(
        codes("In", json!([3, 2])),
        [format!(
            "{at}.onExitCodes.values: Invalid value: [3,2]: must be ordered"
        )]
    );
    assert_eq!(
        rules(json!([{"action": "FailIndex", "onPodConditions": [{"type": "DisruptionTarget"}]}])),
        [format!(
            "{at}.action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set"
        )]
    );
    let success = |rule: Value| {
        wrong(move |spec| {
            spec["completionMode"] = "Indexed".into();
            spec["completions"] = 5.into();
            spec["successPolicy"] = json!({"rules": [rule]});
        })
    };
    assert_eq!(
        success(json!({"succeededIndexes": "0,2-4", "succeededCount": 2})),
        [""; 0]
    );
    assert_eq!(
        success(json!({"succeededIndexes": "0,2-5"})),
        [
            "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0,2-5\": \
          error parsing succeededIndexes: must be increasing intervals from 0 to 4"
        ]
    );
}

#[test]
fn what_may_change() {
    let mut new = created(&Job, &job());
    new["spec"]["parallelism"] = 3.into();
    new["spec"]["suspend"] = true.into();
    new["spec"]["backoffLimit"] = 1.into();
    assert_eq!(update_errors(&Job, &job(), &new), [""; 0]);
    new["spec"]["completions"] = 3.into();
    assert_eq!(
        update_errors(&Job, &job(), &new),
        ["spec.completions: Invalid value: 3: field is immutable"]
    );
    let mut indexed = job();
    indexed["spec"]["completionMode"] = "Indexed".into();
    indexed["spec"]["completions"] = 1.into();
    indexed["spec"]["parallelism"] = 2.into();
    for (parallelism, expected) in [
        (3, vec![]),
        (
            2,
            vec![
                "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism",
            ],
        ),
    ] {
        let mut new = created(&Job, &indexed);
        new["spec"]["completions"] = 3.into();
        new["spec"]["parallelism"] = parallelism.into();
        assert_eq!(update_errors(&Job, &indexed, &new), expected);
    }
    let mut waiting = job();
    waiting["spec"]["suspend"] = true.into();
    let mut new = created(&Job, &waiting);
    new["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "fast"});
    assert_eq!(update_errors(&Job, &waiting, &new), [""; 0]);
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "other".into();
    let errors = update_errors(&Job, &waiting, &new);
    assert!(
        errors[0].starts_with("spec.template: Invalid value:"),
        "{errors:?}"
    );
    assert!(errors[0].ends_with("field is immutable"), "{errors:?}");
}

#[test]
fn what_a_status_may_become() {
    let indexed = json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1});
    let start = "2026-01-01T00:04:30Z";
    let conditions = |types: &[&str]| -> Value {
        let all = types.iter();
        all.map(|one| json!({"type": one, "status": "True"}))
            .collect()
    };
    let (met, done) = (
        json!({"startTime": start, "conditions": conditions(&["SuccessCriteriaMet"])}),
        json!({
            "startTime": start, "completionTime": "2026-01-01T00:05:00Z", "succeeded": 1,
            "conditions": conditions(&["SuccessCriteriaMet", "Complete"]),
        }),
    );
    let cases = [
        (
            json!({}),
            json!({"startTime": start, "active": 2, "ready": 1}),
            vec![],
        ),
        (met.clone(), done.clone(), vec![]),
        (done.clone(), done.clone(), vec![]),
        (
            json!({"startTime": start, "failed": 2, "succeeded": 1}),
            json!({"failed": 1, "active": 1, "ready": 2}),
            vec![
                "status.startTime: Required value: startTime cannot be removed for unsuspended job",
                "status.ready: Invalid value: 2: cannot set more ready pods than active",
                "status.failed: Invalid value: 1: cannot decrease the failed counter",
                "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
            ],
        ),
        (
            json!({}),
            json!({"conditions": conditions(&["Complete"]), "active": 1}),
            vec![
                "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
                "status.completionTime: Required value: completionTime is required for Complete jobs",
                "status.startTime: Required value: startTime is required for finished job",
                "status.active: Invalid value: 1: active>0 is invalid for finished job",
            ],
        ),
        (
            met,
            json!({"startTime": start, "conditions": conditions(&["Failed"])}),
            vec![
                "status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition",
                "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition",
            ],
        ),
        (
            json!({}),
            json!({"completedIndexes": "0,2", "failedIndexes": "1-2"}),
            vec![
                "status.failedIndexes: Invalid value: \"1-2\": failedIndexes and completedIndexes overlap at index: 2",
            ],
        ),
        (
            json!({}),
            json!({"completedIndexes": "0-3", "failedIndexes": "2,1"}),
            vec![
                "status.completedIndexes: Invalid value: \"0-3\": error parsing completedIndexes: must be increasing intervals from 0 to 2",
                "status.failedIndexes: Invalid value: \"2,1\": error parsing failedIndexes: must be increasing intervals from 0 to 2",
            ],
        ),
    ];
    for (old, new, expected) in cases {
        let with = |status: &Value| json!({"spec": indexed, "status": status});
        let found = Job.validate_status(&with(&new), &with(&old));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{old} {new}");
    }
}
