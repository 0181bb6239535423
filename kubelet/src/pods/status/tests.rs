//! The status that users see, case by case.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Value, json};

use super::{Input, patch, status};
use crate::pods::orders::{Cause, Eviction};
use crate::pods::plan::{Life, Plan, Waiting};
use crate::pods::progress::Probes;
use crate::pods::resize::Resizing;
use crate::pods::seen::{Exit, Instance, Sandbox, Seen, State};
use crate::probes::ProbeKind;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

struct Case {
    pod: Pod,
    seen: Seen,
    plan: Plan,
    probes: Probes,
    resizing: Resizing,
    evicted: Option<Eviction>,
}

fn case(spec: Value) -> Case {
    let pod = json!({"metadata": {"name": "web", "namespace": "ns", "uid": "u", "generation": 2}, "spec": spec});
    Case {
        pod: serde_json::from_value(pod).expect("a Pod"),
        seen: Seen::default(),
        plan: Plan {
            life: Life::Running,
            actions: Vec::new(),
            again_at: None,
            waiting: BTreeMap::new(),
        },
        probes: Probes::default(),
        resizing: Resizing::default(),
        evicted: None,
    }
}

fn two() -> Case {
    case(
        json!({"restartPolicy": "Always", "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]}),
    )
}

impl Case {
    fn sandbox(mut self) -> Self {
        self.seen.put_sandbox(Sandbox {
            id: "s".to_owned(),
            attempt: 0,
            ready: true,
            ips: vec!["10.0.0.2".to_owned(), "fd00::2".to_owned()],
        });
        self
    }

    fn instance(mut self, name: &str, attempt: i32, state: State) -> Self {
        let instance = Instance {
            id: format!("{name}{attempt}"),
            sandbox_id: "s".to_owned(),
            attempt,
            hash: String::new(),
            image: "docker.io/library/x:1".to_owned(),
            image_ref: "sha256:1".to_owned(),
            log_path: String::new(),
            state,
        };
        self.seen.put(name, instance);
        self
    }

    fn running(self, name: &str) -> Self {
        self.instance(name, 0, State::Running { started_at: NOW })
    }

    fn exited(self, name: &str, attempt: i32, code: i32) -> Self {
        let exit = Exit {
            started_at: Some(NOW),
            finished_at: NOW,
            code,
            reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
            message: String::new(),
        };
        self.instance(name, attempt, State::Exited(exit))
    }

    fn waiting(mut self, name: &str, reason: &'static str) -> Self {
        let message = String::new();
        self.plan
            .waiting
            .insert(name.to_owned(), Waiting { reason, message });
        self
    }

    fn life(mut self, life: Life) -> Self {
        self.plan.life = life;
        self
    }

    fn after(&self, old: &PodStatus) -> PodStatus {
        status(&Input {
            pod: &self.pod,
            old,
            seen: &self.seen,
            plan: &self.plan,
            probes: &self.probes,
            resizing: &self.resizing,
            evicted: self.evicted.as_ref(),
            node_ip: IpAddr::from([192, 168, 0, 1]),
            now: NOW,
        })
    }

    fn status(&self) -> PodStatus {
        self.after(&PodStatus::default())
    }

    fn phase(&self) -> String {
        self.status().phase.unwrap_or_default()
    }

    /// `Type=Status Reason message`
    fn condition(&self, name: &str) -> String {
        let conditions = self.status().conditions.unwrap_or_default();
        let found = conditions
            .into_iter()
            .find(|one| one.type_ == name)
            .expect("a condition");
        let words = [Some(found.status), found.reason, found.message];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The state of a container in a word or two, and that of the time before.
    fn states(&self, name: &str) -> (String, String) {
        let status = self.status();
        let lists = [status.init_container_statuses, status.container_statuses];
        let all = lists.into_iter().flatten().flatten();
        let one = all
            .into_iter()
            .find(|one| one.name == name)
            .expect("a container");
        let words = |state: Option<k8s_openapi::api::core::v1::ContainerState>| {
            let state = state.unwrap_or_default();
            let waiting = state
                .waiting
                .map(|waiting| format!("waiting {}", waiting.reason.unwrap_or_default()));
            let ended = state
                .terminated
                .map(|ended| format!("terminated {}", ended.reason.unwrap_or_default()));
            let running = state.running.map(|_| "running".to_owned());
            waiting.or(ended).or(running).unwrap_or_default()
        };
        (words(one.state), words(one.last_state))
    }
}

#[test]
fn a_new_pod_is_pending() {
    let new = two();
    assert_eq!(new.phase(), "Pending");
    assert_eq!(new.states("a").0, "waiting ContainerCreating");
    assert_eq!(new.condition("PodReadyToStartContainers"), "False");
    assert_eq!(new.condition("Initialized"), "True");
    assert_eq!(
        new.condition("Ready"),
        "False ContainersNotReady containers with unready status: [a b]"
    );
    assert_eq!(new.condition("PodScheduled"), "True");
    let status = new.status();
    assert_eq!(status.host_ip.as_deref(), Some("192.168.0.1"));
    assert_eq!(status.start_time.map(|time| time.0), Some(NOW));
    assert_eq!(status.observed_generation, Some(2));
}

#[test]
fn a_running_pod_is_ready_when_all_its_containers_are() {
    let half = two().sandbox().running("a");
    assert_eq!(half.phase(), "Pending");
    assert_eq!(
        half.condition("ContainersReady"),
        "False ContainersNotReady containers with unready status: [b]"
    );
    let all = half.running("b");
    assert_eq!(all.phase(), "Running");
    assert_eq!(all.condition("Ready"), "True");
    let status = all.status();
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.2"));
    assert_eq!(status.pod_ips.map(|ips| ips.len()), Some(2));
    let one = status.container_statuses.unwrap_or_default().remove(0);
    assert_eq!(one.container_id.as_deref(), Some("containerd://a0"));
    assert_eq!(
        (one.image.as_str(), one.image_id.as_str()),
        ("docker.io/library/x:1", "sha256:1")
    );
    assert_eq!(
        (one.ready, one.started, one.restart_count),
        (true, Some(true), 0)
    );
}

#[test]
fn probes_decide_on_readiness() {
    let spec = json!({"containers": [{"name": "a", "readinessProbe": {}, "startupProbe": {}}]});
    let mut pod = case(spec).sandbox().running("a");
    let facts = |pod: &Case| {
        let one = pod
            .status()
            .container_statuses
            .unwrap_or_default()
            .remove(0);
        (one.started, one.ready)
    };
    assert_eq!(facts(&pod), (Some(false), false));
    pod.probes.note("a0", ProbeKind::Startup, true);
    assert_eq!(facts(&pod), (Some(true), false));
    pod.probes.note("a0", ProbeKind::Readiness, true);
    assert_eq!(facts(&pod), (Some(true), true));
    assert_eq!(pod.phase(), "Running");
    pod.probes.note("a0", ProbeKind::Readiness, false);
    assert_eq!(
        pod.condition("Ready"),
        "False ContainersNotReady containers with unready status: [a]"
    );
}

#[test]
fn readiness_gates_hold_a_pod_back() {
    let spec = json!({"containers": [{"name": "a"}], "readinessGates": [{"conditionType": "example.com/gate"}]});
    let mut pod = case(spec).sandbox().running("a");
    let words = "False ReadinessGatesNotReady corresponding condition of pod readiness gate \"example.com/gate\" does not exist.";
    assert_eq!(pod.condition("Ready"), words);
    assert_eq!(pod.condition("ContainersReady"), "True");
    let open = json!({"conditions": [{"type": "example.com/gate", "status": "True"}]});
    pod.pod.status = serde_json::from_value(open).ok();
    assert_eq!(pod.condition("Ready"), "True");
}

#[test]
fn a_crash_loop_keeps_the_pod_running() {
    let crashing = two().sandbox().running("b").exited("a", 2, 1);
    assert_eq!(
        crashing.states("a"),
        ("terminated Error".to_owned(), String::new())
    );
    let waiting = crashing.waiting("a", "CrashLoopBackOff");
    assert_eq!(
        waiting.states("a"),
        (
            "waiting CrashLoopBackOff".to_owned(),
            "terminated Error".to_owned()
        )
    );
    assert_eq!(waiting.phase(), "Running");
    let restarted = two().sandbox().running("b").exited("a", 2, 1).instance(
        "a",
        3,
        State::Running { started_at: NOW },
    );
    assert_eq!(
        restarted.states("a"),
        ("running".to_owned(), "terminated Error".to_owned())
    );
    let count = restarted.status().container_statuses.unwrap_or_default()[0].restart_count;
    assert_eq!(count, 3);
}

#[test]
fn phases_follow_the_restart_policy() {
    let cases = [
        ("Never", 0, "Succeeded"),
        ("Never", 1, "Failed"),
        ("OnFailure", 0, "Succeeded"),
        ("OnFailure", 1, "Running"),
        ("Always", 0, "Running"),
        ("Always", 1, "Running"),
    ];
    for (policy, code, phase) in cases {
        let spec = json!({"restartPolicy": policy, "containers": [{"name": "a"}]});
        assert_eq!(
            case(spec).sandbox().exited("a", 0, code).phase(),
            phase,
            "{policy} {code}"
        );
    }
    let ended = two()
        .sandbox()
        .exited("a", 0, 0)
        .exited("b", 0, 143)
        .life(Life::Over);
    assert_eq!(
        ended.phase(),
        "Failed",
        "a deleted Pod whose container did not end well"
    );
}

#[test]
fn a_pod_that_succeeded_says_so_in_every_condition() {
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "a"}]});
    let done = case(spec).sandbox().exited("a", 0, 0);
    assert_eq!(done.condition("Initialized"), "True PodCompleted");
    assert_eq!(done.condition("Ready"), "False PodCompleted");
    assert_eq!(done.condition("ContainersReady"), "False PodCompleted");
}

#[test]
fn init_containers_hold_the_pod_back() {
    let spec = json!({"restartPolicy": "Always", "initContainers": [{"name": "i"}], "containers": [{"name": "a"}]});
    let running = case(spec.clone()).sandbox().running("i");
    assert_eq!(running.phase(), "Pending");
    assert_eq!(running.states("a").0, "waiting PodInitializing");
    assert_eq!(
        running.condition("Initialized"),
        "False ContainersNotInitialized containers with incomplete status: [i]"
    );
    let done = case(spec).sandbox().exited("i", 0, 0).running("a");
    assert_eq!(
        (
            done.phase().as_str(),
            done.condition("Initialized").as_str()
        ),
        ("Running", "True")
    );
    assert_eq!(done.states("i").0, "terminated Completed");
}

#[test]
fn a_pod_succeeds_when_its_sidecars_have_ended() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "s", "restartPolicy": "Always"}],
        "containers": [{"name": "a"}],
    });
    let done = || case(spec.clone()).sandbox().exited("a", 0, 0);
    assert_eq!(done().running("s").phase(), "Running");
    assert_eq!(done().exited("s", 0, 143).phase(), "Succeeded");
}

#[test]
fn a_pod_over_its_deadline_has_failed() {
    let spec = json!({"activeDeadlineSeconds": 1, "containers": [{"name": "a"}]});
    let mut pod = case(spec).sandbox().running("a").life(Life::Ending);
    pod.pod.status = serde_json::from_value(json!({"startTime": "2020-01-01T00:00:00Z"})).ok();
    let status = pod.status();
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
}

#[test]
fn what_waited_when_the_pod_ended_has_failed() {
    let ended = |spec: Value| case(spec).life(Life::Ended);
    let unknown = "terminated ContainerStatusUnknown";
    let plain = ended(json!({"containers": [{"name": "a"}, {"name": "b"}]})).exited("a", 0, 0);
    assert_eq!(plain.phase(), "Failed");
    assert_eq!(plain.states("a").0, "terminated Completed");
    assert_eq!(plain.states("b").0, unknown);
    let told = plain.status();
    assert_eq!(plain.after(&told), told, "it is told once");

    let inits =
        json!({"initContainers": [{"name": "i"}, {"name": "j"}], "containers": [{"name": "a"}]});
    let (waits, done) = ("waiting PodInitializing", "terminated Completed");
    for (pod, expected) in [
        (ended(inits.clone()), [unknown, waits, waits]),
        (ended(inits.clone()).exited("i", 0, 0), [done, waits, waits]),
        (
            ended(inits).exited("i", 0, 0).exited("j", 0, 0),
            [done, done, unknown],
        ),
    ] {
        assert_eq!(["i", "j", "a"].map(|name| pod.states(name).0), expected);
        assert_eq!(pod.phase(), "Failed");
    }
}

#[test]
fn an_evicted_pod_has_failed_once_nothing_of_it_runs() {
    let message = "The node was low on resource: memory. ";
    let evicted = |cause| Eviction {
        message: message.to_owned(),
        cause,
    };
    let mut pod = two().sandbox().running("a").running("b").life(Life::Ending);
    pod.evicted = Some(evicted(Cause::Pressure));
    assert_eq!(pod.phase(), "Running");
    let told = format!("True TerminationByKubelet {message}");
    assert_eq!(pod.condition("DisruptionTarget"), told);
    let mut pod = pod.exited("a", 0, 137).exited("b", 0, 0).life(Life::Ended);
    let words = |status: PodStatus| {
        [status.phase, status.reason, status.message].map(Option::unwrap_or_default)
    };
    assert_eq!(words(pod.status()), ["Failed", "Evicted", message]);

    let done = serde_json::from_value(json!({"phase": "Succeeded"})).expect("a status");
    assert_eq!(words(pod.after(&done)), ["Succeeded", "", ""]);

    pod.evicted = Some(evicted(Cause::Arrival));
    let refused = "Pod was rejected: The node was low on resource: memory. ";
    assert_eq!(words(pod.status()), ["Failed", "Evicted", refused]);
    let conditions = pod.status().conditions.unwrap_or_default();
    assert!(conditions.iter().all(|one| one.type_ != "DisruptionTarget"));
    assert_eq!(pod.status().container_statuses, None);

    // The next kubelet has its status, and nothing else.
    let rejected = two().life(Life::Ended).after(&pod.status());
    assert_eq!(rejected.container_statuses, None);
    assert_eq!(words(rejected), ["Failed", "Evicted", refused]);
}

#[test]
fn times_of_conditions_change_with_them() {
    let earlier = "2020-01-01T00:00:00Z";
    let old: PodStatus = serde_json::from_value(json!({"conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": earlier},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": earlier},
        {"type": "example.com/mine", "status": "True"}
    ]}))
    .expect("a status");
    let status = two().after(&old);
    let conditions = status.conditions.unwrap_or_default();
    let time = |name: &str| {
        let found = conditions.iter().find(|one| one.type_ == name);
        found
            .and_then(|one| one.last_transition_time.as_ref())
            .map(|time| time.0.to_string())
    };
    assert_eq!(time("PodScheduled").as_deref(), Some(earlier));
    assert_eq!(time("Ready"), Some(NOW.to_string()));
    assert!(
        conditions.iter().any(|one| one.type_ == "example.com/mine"),
        "those of others stay"
    );
}

#[test]
fn the_patch_holds_what_changed_and_nothing_else() {
    let old = two().status();
    let same = patch("u", &old, &old);
    assert_eq!(same, json!({"metadata": {"uid": "u"}, "status": {}}));
    let new = two().sandbox().running("a").running("b").after(&old);
    let patch = patch("u", &old, &new);
    let mut changed: Vec<&String> = patch["status"]
        .as_object()
        .expect("fields")
        .keys()
        .collect();
    changed.sort();
    assert_eq!(
        changed,
        [
            "conditions",
            "containerStatuses",
            "phase",
            "podIP",
            "podIPs"
        ]
    );
    assert_eq!(patch["status"]["podIPs"][2], json!({"$patch": "replace"}));
    let conditions = patch["status"]["conditions"]
        .as_array()
        .expect("conditions");
    let names: Vec<&str> = conditions
        .iter()
        .filter_map(|one| one["type"].as_str())
        .collect();
    assert_eq!(
        names,
        ["PodReadyToStartContainers", "Ready", "ContainersReady"]
    );
    assert_eq!(
        conditions[1]["message"],
        Value::Null,
        "what was said before is taken back"
    );
}

#[test]
fn a_container_that_the_runtime_lost_is_restarted_once() {
    let before = two().sandbox().running("a").running("b").status();
    let lost = two().sandbox().running("b");
    let told = lost.after(&before);
    for status in [&told, &lost.after(&told)] {
        let one = &status.container_statuses.as_deref().expect("statuses")[0];
        assert_eq!((one.restart_count, &one.container_id), (1, &None));
        let last = one
            .last_state
            .as_ref()
            .and_then(|last| last.terminated.as_ref());
        let reason = last.and_then(|last| last.reason.as_deref());
        assert_eq!(reason, Some("ContainerStatusUnknown"));
    }
}

#[test]
fn a_container_that_was_made_and_not_started_was_not_restarted() {
    let made = two().sandbox().instance("a", 0, State::Created).status();
    let removed = two().sandbox().after(&made);
    let one = &removed.container_statuses.as_deref().expect("statuses")[0];
    assert_eq!((one.restart_count, &one.last_state), (0, &None));
}

#[test]
fn the_words_of_a_container_that_ended_outlive_their_file() {
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "a"}]});
    let silent = || case(spec.clone()).sandbox().exited("a", 0, 1);
    let message = |status: &PodStatus| {
        let one = &status.container_statuses.as_deref().expect("statuses")[0];
        let ended = one
            .state
            .as_ref()
            .and_then(|state| state.terminated.clone());
        ended.and_then(|ended| ended.message)
    };
    let mut told = silent().status();
    assert_eq!(message(&told), None);
    if let Some([one]) = told.container_statuses.as_deref_mut()
        && let Some(state) = &mut one.state
        && let Some(ended) = &mut state.terminated
    {
        ended.message = Some("disk full".to_owned());
    }
    assert_eq!(
        message(&silent().after(&told)).as_deref(),
        Some("disk full")
    );
    let another = silent().exited("a", 1, 1).after(&told);
    assert_eq!(message(&another), None, "that was another container");
}

#[test]
fn what_a_pod_has_by_itself_is_told() {
    let spec = |cpu: &str| {
        let cpu = json!({"cpu": cpu});
        json!({"resources": {"requests": cpu, "limits": cpu}, "containers": [{"name": "a"}]})
    };
    let mut case = case(spec("1"));
    case.resizing = Resizing::settled(&case.pod);
    case.pod.spec = serde_json::from_value(spec("2")).expect("a spec");
    let status = case.status();
    let has = status.resources.and_then(|all| all.limits).expect("limits");
    let granted = status.allocated_resources.expect("requests");
    assert_eq!(
        (has["cpu"].0.as_str(), granted["cpu"].0.as_str()),
        ("1", "2")
    );
    assert_eq!(two().status().resources, None);
}
