//! What is planned for a Pod, case by case.

mod ending;
mod running;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::{Action, Input, Life, Plan, Want, Why, plan, reclaimable};
use crate::pods::object;
use crate::pods::orders::{Cause, Eviction};
use crate::pods::progress::{Container, Failure, Progress, Step};
use crate::pods::resize::Resizing;
use crate::pods::seen::{Exit, Instance, Sandbox, Seen, State};
use crate::probes::ProbeKind;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// A Pod on its way through its life.
struct Case {
    pod: Pod,
    want: Want,
    seen: Seen,
    progress: Progress,
}

fn case(spec: Value) -> Case {
    let pod = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "ns", "uid": "u"}, "spec": spec
    }));
    let pod = pod.expect("a Pod");
    let progress = Progress {
        resizing: Resizing::settled(&pod),
        ..Progress::default()
    };
    Case {
        pod,
        want: Want::Run,
        seen: Seen::default(),
        progress,
    }
}

fn app(policy: &str) -> Case {
    case(
        json!({"restartPolicy": policy, "terminationGracePeriodSeconds": 30,
        "containers": [{"name": "a", "image": "x"}]}),
    )
}

impl Case {
    fn sandbox(mut self, ready: bool) -> Self {
        let attempt = self.seen.sandbox().map_or(0, |last| last.attempt + 1);
        self.seen.put_sandbox(Sandbox {
            id: format!("s{attempt}"),
            attempt,
            ready,
            ips: vec!["10.0.0.2".to_owned()],
        });
        self
    }

    /// Volumes are there, and the image of this container.
    fn ready_to_start(mut self, name: &str) -> Self {
        self.progress.volumes = Step::Done;
        self.one(name).image = Step::Done;
        self
    }

    fn one(&mut self, name: &str) -> &mut Container {
        self.progress.containers.entry(name.to_owned()).or_default()
    }

    fn instance(mut self, name: &str, attempt: i32, state: State) -> Self {
        let sandbox_id = self
            .seen
            .sandbox()
            .map(|one| one.id.clone())
            .unwrap_or_default();
        let hash = object::container(&self.pod, name)
            .map(object::hash)
            .unwrap_or_default();
        let instance = Instance {
            id: format!("{name}{attempt}"),
            sandbox_id,
            attempt,
            hash,
            image: "x".to_owned(),
            image_ref: String::new(),
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
            reason: "Error".to_owned(),
            message: String::new(),
        };
        self.instance(name, attempt, State::Exited(exit))
    }

    fn wanting(mut self, want: Want) -> Self {
        self.want = want;
        self
    }

    fn input(&self, now: Timestamp) -> Input<'_> {
        Input {
            pod: &self.pod,
            want: self.want,
            seen: &self.seen,
            progress: &self.progress,
            now,
        }
    }

    fn plan_at(&self, now: Timestamp) -> Plan {
        plan(&self.input(now))
    }

    fn plan(&self) -> Plan {
        self.plan_at(NOW)
    }

    fn actions(&self) -> Vec<Action> {
        self.plan().actions
    }
}

fn start(container: &str, attempt: i32) -> Action {
    Action::StartContainer {
        container: container.to_owned(),
        attempt,
    }
}

fn ensure(container: &str) -> Action {
    Action::EnsureImage {
        container: container.to_owned(),
    }
}

fn stop(id: &str, grace_s: i64, why: Why) -> Action {
    Action::StopContainer {
        id: id.to_owned(),
        grace_s,
        why,
    }
}
