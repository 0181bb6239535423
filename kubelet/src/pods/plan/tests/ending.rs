//! How Pods end, and what is given back.

use super::*;

#[test]
fn a_deleted_pod_ends_step_by_step() {
    let mut pod = app("Always").sandbox(true).running("a").wanting(Want::End);
    pod.progress.ending_since = Some(NOW - SignedDuration::from_secs(4));
    assert_eq!(
        pod.actions(),
        [stop("a0", 26, Why::PodEnds)],
        "what is left of its grace"
    );
    let mut pod = pod.exited("a", 0, 143);
    assert_eq!(
        pod.actions(),
        [Action::StopSandbox {
            id: "s0".to_owned()
        }]
    );
    pod.progress.stopped_sandboxes.insert("s0".to_owned());
    assert_eq!(pod.actions(), [Action::CleanUp]);
    pod.progress.cleaned = Step::Done;
    assert_eq!(pod.actions(), [Action::DeletePod]);
    pod.progress.deleted = Step::Done;
    assert_eq!(pod.actions(), [], "finalizers may keep its object");
    let mut pod = pod.wanting(Want::Forget);
    assert_eq!(
        pod.actions(),
        [Action::RemoveSandbox {
            id: "s0".to_owned()
        }]
    );
    pod.seen.remove_sandbox("s0");
    assert_eq!(pod.actions(), [Action::Finish]);
}

#[test]
fn a_deletion_that_is_repeated_with_a_shorter_grace_ends_sooner() {
    let mut pod = app("Always").sandbox(true).running("a").wanting(Want::End);
    pod.progress.stopping.insert("a0".to_owned());
    let by = NOW + SignedDuration::from_secs(30);
    pod.progress.stop_by.insert("a0".to_owned(), by);
    assert_eq!(pod.actions(), []);
    pod.pod.metadata.deletion_grace_period_seconds = Some(1);
    assert_eq!(pod.actions(), [stop("a0", 1, Why::PodEnds)]);
}

#[test]
fn a_pod_that_was_deleted_by_force_ends_at_once() {
    let pod = app("Always").sandbox(true).running("a");
    let mut forced = pod.wanting(Want::Forget);
    assert_eq!(forced.actions(), [stop("a0", 1, Why::PodEnds)]);
    forced.progress.stopping.insert("a0".to_owned());
    let by = NOW + SignedDuration::from_secs(30);
    forced.progress.stop_by.insert("a0".to_owned(), by);
    assert_eq!(forced.actions(), [stop("a0", 1, Why::PodEnds)]);
}

#[test]
fn an_end_waits_for_what_is_being_made() {
    let mut starting = app("Always").sandbox(true).wanting(Want::End);
    starting.one("a").start = Step::Busy;
    let plan = starting.plan();
    assert_eq!((plan.life, plan.actions), (Life::Ending, vec![]));
    let mut making = app("Always").wanting(Want::End);
    making.progress.sandbox = Step::Busy;
    assert_eq!(making.plan().life, Life::Ending);
}

#[test]
fn a_pod_over_its_deadline_ends() {
    let mut limited = app("Always").sandbox(true).ready_to_start("a").running("a");
    if let Some(spec) = &mut limited.pod.spec {
        spec.active_deadline_seconds = Some(60);
    }
    limited.pod.status = serde_json::from_value(json!({"startTime": NOW.to_string()})).ok();
    let plan = limited.plan();
    assert_eq!(
        (plan.actions, plan.again_at),
        (vec![], Some(NOW + SignedDuration::from_secs(60)))
    );
    let over = limited.plan_at(NOW + SignedDuration::from_secs(60));
    assert_eq!(
        (over.life, over.actions),
        (Life::Ending, vec![stop("a0", 30, Why::PodEnds)])
    );
}

#[test]
fn a_pod_that_goes_for_a_soft_threshold_gets_time_to_end() {
    for (most_s, grace_s) in [(0, 1), (7, 7), (600, 30)] {
        let mut evicted = app("Always").sandbox(true).ready_to_start("a").running("a");
        evicted.progress.ending_since = Some(NOW);
        evicted.progress.evicted = Some(Eviction {
            message: String::new(),
            cause: Cause::SoftPressure(most_s),
        });
        assert_eq!(evicted.actions(), [stop("a0", grace_s, Why::PodEnds)]);
    }
}

#[test]
fn an_evicted_pod_ends_at_once_and_gives_all_back() {
    let mut evicted = app("Always").sandbox(true).ready_to_start("a").running("a");
    evicted.progress.ending_since = Some(NOW);
    evicted.progress.evicted = Some(Eviction {
        message: "The node was low on resource: memory. ".to_owned(),
        cause: Cause::Pressure,
    });
    let plan = evicted.plan();
    let expected = (Life::Ending, vec![stop("a0", 1, Why::PodEnds)]);
    assert_eq!((plan.life, plan.actions), expected);

    let mut over = evicted.exited("a", 0, 137);
    over.progress.stopped_sandboxes.insert("s0".to_owned());
    over.progress.cleaned = Step::Done;
    let plan = over.plan();
    let latest = NOW + SignedDuration::from_secs(10);
    assert_eq!(
        (plan.life, plan.actions, plan.again_at),
        (Life::Over, vec![], Some(latest))
    );
    let removal = || Action::RemoveSandbox {
        id: "s0".to_owned(),
    };
    assert_eq!(
        over.plan_at(latest).actions,
        [removal()],
        "nobody can be told"
    );
    over.pod.status = serde_json::from_value(json!({"phase": "Failed", "reason": "Evicted"})).ok();
    assert_eq!(over.actions(), [removal()]);
}

#[test]
fn what_is_dead_may_go_but_the_last_of_a_pod_that_is_not_over() {
    let remove = |id: &str| Action::RemoveContainer { id: id.to_owned() };
    let ended = |case: Case| case.exited("a", 0, 1).exited("a", 1, 1);
    let runs =
        ended(app("Always").sandbox(true)).instance("a", 2, State::Running { started_at: NOW });
    let crashes = ended(app("Always").sandbox(true));
    let mut over = ended(app("Never").sandbox(false));
    over.progress.stopped_sandboxes.insert("s0".to_owned());
    over.progress.cleaned = Step::Done;
    over.pod.status = serde_json::from_value(json!({"phase": "Failed"})).ok();
    for (case, expected) in [
        (runs, vec![remove("a0"), remove("a1")]),
        (crashes, vec![remove("a0")]),
        (over, vec![remove("a0"), remove("a1")]),
    ] {
        assert_eq!(reclaimable(&case.input(NOW)), expected);
    }
}

#[test]
fn a_pod_that_has_ended_stays_ended_and_keeps_its_containers() {
    let mut done = app("Never").sandbox(false).exited("a", 0, 0);
    done.progress.stopped_sandboxes.insert("s0".to_owned());
    done.progress.cleaned = Step::Done;
    done.pod.status = serde_json::from_value(json!({"phase": "Succeeded"})).ok();
    let plan = done.plan();
    assert_eq!((plan.life, plan.actions), (Life::Over, vec![]));
}
