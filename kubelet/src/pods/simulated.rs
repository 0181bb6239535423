//! A Pod that runs nowhere: the status that it would have if everything worked at once.

use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, PodStatus};

use super::object::{self, RestartPolicy, Role};
use super::plan::{self, Life, Plan};
use super::progress::Probes;
use super::resize::Resizing;
use super::seen::{Exit, Instance, Sandbox, Seen, State};
use super::status;
use crate::probes::ProbeKind;

/// How a container ends that has done its work.
const COMPLETED: (i32, &str) = (0, "Completed");
/// How one ends that was killed.
const KILLED: (i32, &str) = (137, "Error");

/// A simulated Pod.
#[derive(Clone, Copy)]
pub(crate) struct Simulated<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) ip: Ipv4Addr,
    pub(crate) node_ip: Ipv4Addr,
    /// How long containers run that are not to be started again when they succeed.
    pub(crate) run_for: Duration,
}

impl Simulated<'_> {
    /// Its status at that time, and after how long it is another one by itself.
    pub(crate) fn status(&self, now: Timestamp) -> (PodStatus, Option<Duration>) {
        let times = Times::of(self.pod, self.run_for, now);
        let wait = times.next(now).map(|next| next.duration_since(now));
        let wait = wait.map(SignedDuration::unsigned_abs);
        if !times.is_over_deadline(now) {
            let is_over = times.completes && times.completed <= now;
            let life = if is_over { Life::Over } else { Life::Running };
            return (self.with(self.pod, &times, life, now), wait);
        }
        // The deadline is told while containers run; then they are killed.
        let mut told = self.pod.clone();
        let before = Times {
            completed: Timestamp::MAX,
            killed: None,
            ..times
        };
        told.status = Some(self.with(self.pod, &before, Life::Ending, now));
        (self.with(&told, &times, Life::Over, now), wait)
    }

    /// Its status when it is deleted: its containers are killed.
    pub(crate) fn ended(&self, now: Timestamp) -> PodStatus {
        let times = Times {
            completed: Timestamp::MAX,
            killed: Some(now),
            ..Times::of(self.pod, self.run_for, now)
        };
        self.with(self.pod, &times, Life::Over, now)
    }

    fn with(&self, pod: &Pod, times: &Times, life: Life, now: Timestamp) -> PodStatus {
        let (seen, probes) = self.seen(times, life, now);
        let plan = Plan {
            life,
            actions: Vec::new(),
            again_at: None,
            waiting: Default::default(),
        };
        status::status(&status::Input {
            pod,
            old: &pod.status.clone().unwrap_or_default(),
            seen: &seen,
            plan: &plan,
            probes: &probes,
            resizing: &Resizing::settled(pod),
            evicted: None,
            node_ip: self.node_ip.into(),
            now,
        })
    }

    /// What a runtime and probes would say.
    fn seen(&self, times: &Times, life: Life, now: Timestamp) -> (Seen, Probes) {
        let pod = self.pod;
        let (mut seen, mut probes) = (Seen::default(), Probes::default());
        let ephemerals: Vec<Container> = object::ephemeral_containers(pod).collect();
        let apps = object::app_containers(pod)
            .iter()
            .map(|one| (Role::App, one));
        let others = ephemerals.iter().map(|one| (Role::Ephemeral, one));
        for (role, container) in object::init_containers(pod).chain(apps).chain(others) {
            let instance = instance(pod, container, times.state(pod, role, container, now));
            for kind in [ProbeKind::Startup, ProbeKind::Readiness] {
                probes.note(&instance.id, kind, true);
            }
            seen.put(&container.name, instance);
        }
        seen.sandboxes.push(Sandbox {
            id: object::uid(pod).to_owned(),
            attempt: 0,
            ready: life != Life::Over,
            ips: vec![self.ip.to_string()],
        });
        (seen, probes)
    }
}

/// What happens to the containers of a Pod, and when.
#[derive(Clone, Copy)]
struct Times {
    started: Timestamp,
    /// When those succeed that do.
    completed: Timestamp,
    /// Whether all of the Pod's containers succeed, so that its sidecars end with them.
    completes: bool,
    /// When the Pod's `activeDeadlineSeconds` are over.
    killed: Option<Timestamp>,
}

impl Times {
    fn of(pod: &Pod, run_for: Duration, now: Timestamp) -> Self {
        let started = pod
            .status
            .as_ref()
            .and_then(|status| status.start_time.as_ref());
        let started = started.map_or(now, |time| time.0);
        let mut apps = object::app_containers(pod).iter();
        Self {
            started,
            completed: started.checked_add(run_for).unwrap_or(Timestamp::MAX),
            completes: apps.all(|app| ends(pod, app)),
            killed: plan::deadline(pod),
        }
    }

    /// Whether the Pod's deadline came before its end.
    fn is_over_deadline(&self, now: Timestamp) -> bool {
        let has_completed = |killed| self.completes && self.completed < killed;
        self.killed
            .is_some_and(|killed| killed <= now && !has_completed(killed))
    }

    /// What changes next after `now`.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let times = [Some(self.completed), self.killed].into_iter().flatten();
        times.filter(|time| *time > now).min()
    }

    fn state(&self, pod: &Pod, role: Role, container: &Container, now: Timestamp) -> State {
        let completes = match role {
            Role::Init => return self.exited(self.started, COMPLETED),
            Role::App => ends(pod, container),
            Role::Sidecar | Role::Ephemeral => self.completes,
        };
        let is_in_time = |at: &Timestamp| self.killed.is_none_or(|killed| *at < killed);
        let completed = completes.then_some(self.completed).filter(is_in_time);
        match (completed, self.killed) {
            (Some(completed), _) if completed <= now => self.exited(completed, COMPLETED),
            (_, Some(killed)) if killed <= now => self.exited(killed, KILLED),
            _ => State::Running {
                started_at: self.started,
            },
        }
    }

    fn exited(&self, finished_at: Timestamp, (code, reason): (i32, &str)) -> State {
        State::Exited(Exit {
            started_at: Some(self.started),
            finished_at,
            code,
            reason: reason.to_owned(),
            message: String::new(),
        })
    }
}

/// Whether a container that succeeds is not started again.
fn ends(pod: &Pod, app: &Container) -> bool {
    object::restart_policy(pod, Role::App, app) != RestartPolicy::Always
}

fn instance(pod: &Pod, container: &Container, state: State) -> Instance {
    let uid = object::uid(pod);
    let image = container.image.clone().unwrap_or_default();
    Instance {
        id: format!("{uid}-{}", container.name),
        sandbox_id: uid.to_owned(),
        attempt: 0,
        hash: String::new(),
        image_ref: image.clone(),
        image,
        log_path: String::new(),
        state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const STARTED: &str = "2026-01-01T00:00:00Z";

    /// The phase of a Pod of this spec and each container's state, so long after its start; and when it is looked at again.
    fn after(seconds: i64, spec: Value) -> (String, String, Option<u64>) {
        let pod =
            json!({ "metadata": { "uid": "1" }, "spec": spec, "status": { "startTime": STARTED } });
        let pod: Pod = serde_json::from_value(pod).expect("a Pod");
        let started: Timestamp = STARTED.parse().expect("a time");
        let simulated = Simulated {
            pod: &pod,
            ip: Ipv4Addr::new(240, 0, 0, 2),
            node_ip: Ipv4Addr::new(240, 0, 0, 1),
            run_for: Duration::from_secs(10),
        };
        let (status, wait) = simulated.status(started + SignedDuration::from_secs(seconds));
        assert_eq!(status.pod_ip.as_deref(), Some("240.0.0.2"));
        let inits = status.init_container_statuses.iter().flatten();
        let states = inits.chain(status.container_statuses.iter().flatten());
        let states = states.map(|one| {
            let state = one.state.clone().unwrap_or_default();
            let code = state.terminated.map(|end| end.exit_code.to_string());
            let runs = if one.ready { "ready" } else { "unready" };
            format!("{}={}", one.name, code.unwrap_or_else(|| runs.to_owned()))
        });
        let phase = status.phase.unwrap_or_default();
        let reason = status.reason.unwrap_or_default();
        let states: Vec<String> = states.collect();
        (
            phase + &reason,
            states.join(" "),
            wait.map(|wait| wait.as_secs()),
        )
    }

    #[test]
    fn containers_run_complete_and_are_killed_when_they_should() {
        let server = json!({
            "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
            "containers": [{"name": "a", "readinessProbe": {"exec": {"command": ["false"]}}}],
        });
        let job = json!({
            "restartPolicy": "Never",
            "initContainers": [{"name": "s", "restartPolicy": "Always"}],
            "containers": [{"name": "a"}],
        });
        let mut hasty = job.clone();
        hasty["activeDeadlineSeconds"] = json!(5);
        let mut patient = job.clone();
        patient["activeDeadlineSeconds"] = json!(15);
        let mut bounded = server.clone();
        bounded["activeDeadlineSeconds"] = json!(20);
        for (seconds, spec, phase, states, again) in [
            (0, &server, "Running", "i=0 s=ready a=ready", Some(10)),
            (99, &server, "Running", "i=0 s=ready a=ready", None),
            (9, &job, "Running", "s=ready a=ready", Some(1)),
            (10, &job, "Succeeded", "s=0 a=0", None),
            (4, &hasty, "Running", "s=ready a=ready", Some(1)),
            (5, &hasty, "FailedDeadlineExceeded", "s=137 a=137", Some(5)),
            (16, &patient, "Succeeded", "s=0 a=0", None),
            (
                20,
                &bounded,
                "FailedDeadlineExceeded",
                "i=0 s=137 a=137",
                None,
            ),
        ] {
            let expected = (phase.to_owned(), states.to_owned(), again);
            assert_eq!(after(seconds, spec.clone()), expected, "{seconds} {spec}");
        }
    }
}
