//! How Pods start, and what keeps them running.

use super::*;

#[test]
fn a_new_pod_gets_volumes_sandbox_and_image_at_the_same_time() {
    let new = app("Always");
    let expected = [
        Action::PrepareVolumes,
        Action::CreateSandbox { attempt: 0 },
        ensure("a"),
    ];
    assert_eq!(new.actions(), expected);

    let mut busy = app("Always");
    busy.progress.volumes = Step::Busy;
    busy.progress.sandbox = Step::Busy;
    busy.one("a").image = Step::Busy;
    assert_eq!(busy.actions(), [], "what is under way is not begun again");
}

#[test]
fn a_container_starts_when_all_three_are_there() {
    let ready = app("Always").sandbox(true).ready_to_start("a");
    assert_eq!(ready.actions(), [start("a", 0)]);
    let no_sandbox = app("Always").ready_to_start("a");
    assert_eq!(no_sandbox.actions(), [Action::CreateSandbox { attempt: 0 }]);
    let mut no_image = app("Always").sandbox(true);
    no_image.progress.volumes = Step::Done;
    assert_eq!(no_image.actions(), [ensure("a")]);
}

#[test]
fn an_ended_container_is_restarted_as_its_policy_says() {
    let cases = [
        ("Always", 0, Some(Life::Running)),
        ("Always", 1, Some(Life::Running)),
        ("OnFailure", 1, Some(Life::Running)),
        ("OnFailure", 0, None),
        ("Never", 1, None),
        ("Never", 0, None),
    ];
    for (policy, code, restarts) in cases {
        let ended = app(policy)
            .sandbox(true)
            .ready_to_start("a")
            .exited("a", 0, code);
        let plan = ended.plan();
        match restarts {
            Some(life) => assert_eq!(
                (plan.life, plan.actions),
                (life, vec![start("a", 1)]),
                "{policy} {code}"
            ),
            None => assert_eq!(plan.life, Life::Ended, "{policy} {code}"),
        }
    }
}

#[test]
fn a_crash_loop_waits_for_its_back_off() {
    let mut crashing = app("Always")
        .sandbox(true)
        .ready_to_start("a")
        .exited("a", 3, 1);
    let earlier = NOW - SignedDuration::from_secs(2);
    crashing.one("a").crashes.tried(earlier, earlier);
    let plan = crashing.plan();
    assert_eq!(plan.actions, []);
    assert_eq!(plan.again_at, Some(NOW + SignedDuration::from_secs(10)));
    let waiting = &plan.waiting["a"];
    assert_eq!(waiting.reason, "CrashLoopBackOff");
    assert_eq!(
        waiting.message,
        "back-off 10s restarting failed container=a pod=web_ns(u)"
    );
    let later = crashing.plan_at(NOW + SignedDuration::from_secs(10));
    assert_eq!(later.actions, [start("a", 4)]);
}

#[test]
fn a_restart_for_other_resources_is_no_crash() {
    for policy in ["Always", "Never"] {
        let mut resized = app(policy)
            .sandbox(true)
            .ready_to_start("a")
            .exited("a", 1, 137);
        let earlier = NOW - SignedDuration::from_secs(2);
        resized.one("a").crashes.tried(earlier, earlier);
        resized.progress.resizing.container_stops("a");
        assert_eq!(resized.actions(), [start("a", 2)], "{policy}");
    }
}

#[test]
fn a_failed_pull_is_shown_as_error_first_and_as_back_off_then() {
    let mut failing = app("Always").sandbox(true);
    failing.progress.volumes = Step::Done;
    failing.one("a").image = Step::Failed(Failure {
        reason: "ErrImagePull",
        message: "not found".to_owned(),
        at: NOW,
        delay: SignedDuration::from_secs(10),
    });
    let at = |seconds| failing.plan_at(NOW + SignedDuration::from_secs(seconds));
    assert_eq!(at(0).waiting["a"].reason, "ErrImagePull");
    assert_eq!(at(5).waiting["a"].reason, "ImagePullBackOff");
    assert_eq!(
        at(5).waiting["a"].message,
        "Back-off pulling image \"x\": ErrImagePull: not found"
    );
    assert_eq!(at(5).actions, []);
    assert_eq!(at(10).actions, [ensure("a")]);
}

#[test]
fn init_containers_run_one_after_the_other() {
    let spec = json!({"restartPolicy": "Always",
        "initContainers": [{"name": "i1"}, {"name": "i2"}], "containers": [{"name": "a"}]});
    let new = || {
        case(spec.clone())
            .sandbox(true)
            .ready_to_start("i1")
            .ready_to_start("i2")
            .ready_to_start("a")
    };
    assert_eq!(new().actions(), [start("i1", 0)]);
    assert_eq!(new().running("i1").actions(), []);
    assert_eq!(new().exited("i1", 0, 0).actions(), [start("i2", 0)]);
    assert_eq!(new().exited("i1", 0, 1).actions(), [start("i1", 1)]);
    let done = new().exited("i1", 0, 0).exited("i2", 0, 0);
    assert_eq!(done.actions(), [start("a", 0)]);
    let restarting = done.exited("a", 0, 1);
    assert_eq!(
        restarting.actions(),
        [start("a", 1)],
        "init containers do not run again"
    );
    let in_new_sandbox = restarting.sandbox(true);
    assert_eq!(
        in_new_sandbox.actions(),
        [start("i1", 1)],
        "in a new sandbox they do"
    );
}

#[test]
fn a_failed_init_container_fails_a_pod_that_never_restarts() {
    let spec = json!({"restartPolicy": "Never",
        "initContainers": [{"name": "i"}], "containers": [{"name": "a"}]});
    let failed = case(spec).sandbox(true).exited("i", 0, 1);
    assert_eq!(failed.plan().life, Life::Ended);
}

#[test]
fn a_sidecar_starts_before_and_ends_after_the_containers() {
    let spec = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 30,
        "initContainers": [{"name": "s", "restartPolicy": "Always", "startupProbe": {}}],
        "containers": [{"name": "a"}]});
    let new = || {
        case(spec.clone())
            .sandbox(true)
            .ready_to_start("s")
            .ready_to_start("a")
    };
    assert_eq!(new().actions(), [start("s", 0)]);
    assert_eq!(
        new().running("s").actions(),
        [],
        "not before its startup probe has passed"
    );
    let mut started = new().running("s");
    started.progress.probes.note("s0", ProbeKind::Startup, true);
    assert_eq!(started.actions(), [start("a", 0)]);
    let done = new().running("s").exited("a", 0, 0);
    assert_eq!(
        done.actions(),
        [stop("s0", 30, Why::PodEnds)],
        "a Pod whose work is done ends its sidecars"
    );
    let deleted = new().running("s").running("a").wanting(Want::End);
    assert_eq!(deleted.actions(), [stop("a0", 30, Why::PodEnds)]);
}

#[test]
fn an_unhealthy_container_is_stopped() {
    let spec = json!({"terminationGracePeriodSeconds": 30, "containers": [
        {"name": "a", "livenessProbe": {"terminationGracePeriodSeconds": 5}}]});
    let mut sick = case(spec).sandbox(true).ready_to_start("a").running("a");
    sick.progress.probes.note("a0", ProbeKind::Liveness, false);
    assert_eq!(
        sick.actions(),
        [stop("a0", 5, Why::Unhealthy(ProbeKind::Liveness))]
    );
    sick.progress.stopping.insert("a0".to_owned());
    assert_eq!(sick.actions(), []);
}

#[test]
fn a_new_image_replaces_the_container() {
    let mut changed = app("Always").sandbox(true).ready_to_start("a").running("a");
    if let Some(spec) = &mut changed.pod.spec {
        spec.containers[0].image = Some("y".to_owned());
    }
    assert_eq!(changed.actions(), [stop("a0", 30, Why::Changed)]);
}

#[test]
fn a_lost_sandbox_is_given_back_and_made_anew() {
    let mut lost = app("Always")
        .sandbox(false)
        .ready_to_start("a")
        .exited("a", 0, 255);
    assert_eq!(
        lost.actions()[0],
        Action::StopSandbox {
            id: "s0".to_owned()
        }
    );
    lost.progress.stopped_sandboxes.insert("s0".to_owned());
    assert_eq!(lost.actions()[0], Action::CreateSandbox { attempt: 1 });
    let back = lost.sandbox(true);
    assert_eq!(back.actions(), [start("a", 1)]);
}

#[test]
fn old_instances_and_sandboxes_go_but_for_the_last_two() {
    let mut many = app("Always")
        .sandbox(false)
        .exited("a", 0, 1)
        .sandbox(true)
        .ready_to_start("a");
    many.progress.stopped_sandboxes.insert("s0".to_owned());
    let many = many
        .exited("a", 1, 1)
        .instance("a", 2, State::Running { started_at: NOW });
    assert_eq!(
        many.actions(),
        [Action::RemoveContainer {
            id: "a0".to_owned()
        }]
    );
    let mut fewer = many;
    fewer.seen.remove("a0");
    assert_eq!(
        fewer.actions(),
        [Action::RemoveSandbox {
            id: "s0".to_owned()
        }]
    );
}

#[test]
fn only_a_container_that_has_run_is_restarted_when_the_runtime_lost_it() {
    let (running, id) = (json!({"running": {}}), json!("containerd://1"));
    let (waiting, ended) = (
        json!({"waiting": {}}),
        json!({"terminated": {"exitCode": 1}}),
    );
    let cases = [
        ("nothing known", json!({"restartCount": 0}), 0),
        (
            "made, not started",
            json!({"restartCount": 0, "containerID": id, "state": waiting}),
            0,
        ),
        (
            "it ran",
            json!({"restartCount": 0, "containerID": id, "state": running}),
            1,
        ),
        (
            "it waited for its back-off",
            json!({"restartCount": 3, "containerID": id, "state": waiting, "lastState": ended}),
            4,
        ),
        (
            "its loss was told",
            json!({"restartCount": 4, "state": waiting, "lastState": ended}),
            4,
        ),
    ];
    for (what, mut known, attempt) in cases {
        let mut pod = app("Always").sandbox(true).ready_to_start("a");
        for (key, value) in [("name", "a"), ("image", "x"), ("imageID", "")] {
            known[key] = json!(value);
        }
        known["ready"] = json!(false);
        let status = serde_json::from_value(json!({"containerStatuses": [known]}));
        pod.pod.status = Some(status.expect("a status"));
        assert_eq!(pod.actions(), [start("a", attempt)], "{what}");
    }
}

#[test]
fn a_container_that_was_made_and_not_started_is_made_anew_and_counts_for_nothing() {
    let mut made = app("Always")
        .sandbox(true)
        .ready_to_start("a")
        .instance("a", 0, State::Created);
    let removal = Action::RemoveContainer {
        id: "a0".to_owned(),
    };
    assert_eq!(made.actions(), [removal]);
    made.seen.remove("a0");
    assert_eq!(made.actions(), [start("a", 0)]);
}

#[test]
fn a_rule_for_an_exit_code_comes_before_the_policy() {
    let pod = json!({"containers": [{
        "name": "a", "restartPolicy": "Never",
        "restartPolicyRules": [
            {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}},
            {"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 1, 42]}},
        ],
    }]});
    for (code, restarts) in [(0, false), (1, false), (42, true), (7, true)] {
        let ended = case(pod.clone())
            .sandbox(true)
            .ready_to_start("a")
            .exited("a", 0, code);
        let starts = ended.actions().contains(&start("a", 1));
        assert_eq!(starts, restarts, "after {code}");
    }
}

#[test]
fn a_container_that_looks_inside_waits_for_its_target_and_runs_once() {
    let pod = json!({
        "restartPolicy": "Always",
        "containers": [{"name": "a"}],
        "ephemeralContainers": [{"name": "e", "targetContainerName": "a"}],
    });
    let early = case(pod.clone())
        .sandbox(true)
        .ready_to_start("a")
        .ready_to_start("e");
    assert_eq!(early.actions(), [start("a", 0)]);
    let due = early.running("a");
    assert_eq!(due.actions(), [start("e", 0)]);
    assert_eq!(due.exited("e", 0, 1).actions(), []);

    let mut lost = case(pod).sandbox(true).ready_to_start("e").running("a");
    let known = json!({
        "name": "e", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "containerID": "containerd://1", "state": {"terminated": {"exitCode": 0}},
    });
    let status = serde_json::from_value(json!({"ephemeralContainerStatuses": [known]}));
    lost.pod.status = Some(status.expect("a status"));
    assert_eq!(lost.actions(), []);
}
