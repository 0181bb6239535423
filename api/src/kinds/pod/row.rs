//! The row of `kubectl get pods`: the state of all containers in one word
//! (printPod of k8s.io/kubernetes/pkg/printers/internalversion).

use jiff::Timestamp;
use serde_json::Value;

use super::restarts::Restarts;
use crate::Column;
use crate::kinds::common::cells::{self, items, or_none, text};

pub(super) fn columns() -> Vec<Column> {
    vec![
        cells::name_column(),
        Column::new("Ready", "string"),
        Column::new("Status", "string"),
        Column::new("Restarts", "string"),
        cells::age_column(),
        Column::wide("IP", "string"),
        Column::wide("Node", "string"),
        Column::wide("Nominated Node", "string"),
        Column::wide("Readiness Gates", "string"),
    ]
}

pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(pod);
    vec![
        cells::name(pod),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        summary.restarts.cell(now).into(),
        cells::age(pod, now),
        or_none(text(pod, "/status/podIP")).into(),
        or_none(text(pod, "/spec/nodeName")).into(),
        or_none(text(pod, "/status/nominatedNodeName")).into(),
        readiness_gates(pod).into(),
    ]
}

/// All containers in a few words.
struct Summary {
    total: usize,
    ready: usize,
    reason: String,
    restarts: Restarts,
}

impl Summary {
    fn of(pod: &Value) -> Self {
        let sidecars = items(pod, "/spec/initContainers")
            .iter()
            .filter(|c| is_sidecar(c))
            .count();
        let mut summary = Self {
            total: items(pod, "/spec/containers").len() + sidecars,
            ready: 0,
            reason: reason_of_pod(pod),
            restarts: Restarts::default(),
        };
        let sidecar_restarts = summary.add_init_containers(pod);
        let initializing = sidecar_restarts.is_none();
        if !initializing || has_condition(pod, "Initialized") {
            summary.restarts = sidecar_restarts.unwrap_or_else(|| restarts_of_sidecars(pod));
            summary.add_containers(pod);
        }
        if !text(pod, "/metadata/deletionTimestamp").is_empty() {
            summary.leave(pod);
        }
        summary
    }

    /// Goes through the init containers up to the first that is not done. If all are, how often sidecars restarted.
    fn add_init_containers(&mut self, pod: &Value) -> Option<Restarts> {
        let total = items(pod, "/spec/initContainers").len();
        for (index, status) in items(pod, "/status/initContainerStatuses")
            .iter()
            .enumerate()
        {
            self.restarts.add(status);
            let state = &status["state"];
            let ended = &state["terminated"];
            let waiting = text(state, "/waiting/reason");
            if ended.is_object() && exit_code(ended) == 0 {
                continue;
            }
            if is_sidecar(init_container(pod, status)) && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            self.reason = if ended.is_object() {
                format!("Init:{}", ended_reason(ended))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{total}")
            };
            return None;
        }
        Some(restarts_of_sidecars(pod))
    }

    /// Goes through the containers, the last first, so that the first one's reason stays.
    fn add_containers(&mut self, pod: &Value) {
        let mut any_running = false;
        for status in items(pod, "/status/containerStatuses").iter().rev() {
            self.restarts.add(status);
            let state = &status["state"];
            let waiting = text(state, "/waiting/reason");
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if state["terminated"].is_object() {
                self.reason = ended_reason(&state["terminated"]);
            } else if status["ready"] == true && state["running"].is_object() {
                any_running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && any_running {
            let ready = has_condition(pod, "Ready");
            self.reason = if ready { "Running" } else { "NotReady" }.to_owned();
        }
    }

    /// A Pod on its way out.
    fn leave(&mut self, pod: &Value) {
        let phase = text(pod, "/status/phase");
        if text(pod, "/status/reason") == "NodeLost" {
            self.reason = "Unknown".to_owned();
        } else if !matches!(phase, "Succeeded" | "Failed") {
            self.reason = "Terminating".to_owned();
        }
    }
}

fn reason_of_pod(pod: &Value) -> String {
    let gated = items(pod, "/status/conditions").iter().any(|condition| {
        condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated"
    });
    let reason = text(pod, "/status/reason");
    match gated {
        true => "SchedulingGated",
        false => cells::or(reason, text(pod, "/status/phase")),
    }
    .to_owned()
}

/// `Completed`, `Error`, or, of a container without a reason, what it ended with.
fn ended_reason(ended: &Value) -> String {
    let (reason, signal) = (text(ended, "/reason"), cells::number(ended, "/signal"));
    match (reason, signal) {
        ("", 0) => format!("ExitCode:{}", exit_code(ended)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn exit_code(ended: &Value) -> i64 {
    cells::number(ended, "/exitCode")
}

fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

/// The init container that a status is about.
fn init_container<'a>(pod: &'a Value, status: &Value) -> &'a Value {
    let mut containers = items(pod, "/spec/initContainers").iter();
    let container = containers.find(|container| container["name"] == status["name"]);
    container.unwrap_or(&Value::Null)
}

fn restarts_of_sidecars(pod: &Value) -> Restarts {
    let mut restarts = Restarts::default();
    let statuses = items(pod, "/status/initContainerStatuses").iter();
    let sidecars = statuses.filter(|status| is_sidecar(init_container(pod, status)));
    sidecars.for_each(|status| restarts.add(status));
    restarts
}

fn has_condition(pod: &Value, kind: &str) -> bool {
    let mut conditions = items(pod, "/status/conditions").iter();
    conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn readiness_gates(pod: &Value) -> String {
    let gates = items(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return cells::NONE.to_owned();
    }
    let met = gates
        .iter()
        .filter(|gate| has_condition(pod, text(gate, "/conditionType")));
    format!("{}/{}", met.count(), gates.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::assert_row;
    use crate::kinds::pod::Pod;

    #[test]
    fn a_running_pod() {
        let pod = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n1", "containers": [{"name": "a"}], "readinessGates": [{"conditionType": "x"}]},
            "status": {
                "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
                "containerStatuses": [{
                    "name": "a", "ready": true, "restartCount": 2, "state": {"running": {}},
                    "lastState": {"terminated": {"finishedAt": "2026-01-01T00:04:00Z"}},
                }],
            },
        });
        let row = [
            ("Name", json!("web")),
            ("Ready", json!("1/1")),
            ("Status", json!("Running")),
            ("Restarts", json!("2 (60s ago)")),
            ("Age", json!("5m")),
            ("IP", json!("10.0.0.1")),
            ("Node", json!("n1")),
            ("Nominated Node", json!("<none>")),
            ("Readiness Gates", json!("0/1")),
        ];
        assert_row(&Pod, &pod, &row);
    }

    /// Ready, Status and Restarts of a Pod with one init container, one sidecar and two containers.
    fn seen(status: Value, deleted: bool) -> [String; 3] {
        let mut pod = json!({
            "metadata": {"name": "a"},
            "spec": {
                "initContainers": [{"name": "init"}, {"name": "side", "restartPolicy": "Always"}],
                "containers": [{"name": "a"}, {"name": "b"}],
            },
            "status": status,
        });
        if deleted {
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        let cells = cells(&pod, Timestamp::UNIX_EPOCH);
        [1, 2, 3].map(|index| cells[index].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_state_in_one_word() {
        let done = json!({"name": "init", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
        let side = json!({"name": "side", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}});
        let inits = json!([done, side]);
        let up = |name: &str| json!({"name": name, "ready": true, "restartCount": 0, "state": {"running": {}}});
        let waits = |reason: &str| json!({"name": "b", "restartCount": 5, "state": {"waiting": {"reason": reason}}});
        let ended =
            |ended: Value| json!({"name": "b", "restartCount": 0, "state": {"terminated": ended}});
        let containers = |second: Value| {
            let all = [up("a"), second];
            json!({"phase": "Running", "initContainerStatuses": inits, "containerStatuses": all})
        };
        let init = |state: Value| {
            let all = json!([{"name": "init", "state": state}]);
            json!({"phase": "Pending", "initContainerStatuses": all})
        };
        for (status, seen_as) in [
            (json!({"phase": "Pending"}), ["0/3", "Pending", "0"]),
            (
                json!({"phase": "Failed", "reason": "Evicted"}),
                ["0/3", "Evicted", "0"],
            ),
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
                ["0/3", "SchedulingGated", "0"],
            ),
            (init(json!({"running": {}})), ["0/3", "Init:0/2", "0"]),
            (
                init(json!({"waiting": {"reason": "PodInitializing"}})),
                ["0/3", "Init:0/2", "0"],
            ),
            (
                init(json!({"waiting": {"reason": "ImagePullBackOff"}})),
                ["0/3", "Init:ImagePullBackOff", "0"],
            ),
            (
                init(json!({"terminated": {"exitCode": 1, "reason": "Error"}})),
                ["0/3", "Init:Error", "0"],
            ),
            (
                init(json!({"terminated": {"exitCode": 3}})),
                ["0/3", "Init:ExitCode:3", "0"],
            ),
            (containers(up("b")), ["3/3", "Running", "1"]),
            (
                containers(waits("CrashLoopBackOff")),
                ["2/3", "CrashLoopBackOff", "6"],
            ),
            (
                containers(ended(json!({"exitCode": 1, "reason": "Error"}))),
                ["2/3", "Error", "1"],
            ),
            (
                containers(ended(json!({"exitCode": 137, "signal": 9}))),
                ["2/3", "Signal:9", "1"],
            ),
            (
                containers(ended(json!({"exitCode": 0, "reason": "Completed"}))),
                ["2/3", "NotReady", "1"],
            ),
        ] {
            assert_eq!(seen(status.clone(), false), seen_as, "{status}");
        }
    }

    #[test]
    fn a_pod_on_its_way_out() {
        assert_eq!(seen(json!({"phase": "Running"}), true)[1], "Terminating");
        assert_eq!(seen(json!({"phase": "Succeeded"}), true)[1], "Succeeded");
        assert_eq!(
            seen(json!({"phase": "Running", "reason": "NodeLost"}), true)[1],
            "Unknown"
        );
    }
}
