//! The next step towards what a Pod is granted: pure.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::applied::Applied;
use crate::pods::cgroup::Limits;
use crate::pods::config::resources::Bounds;
use crate::pods::object;
use crate::pods::seen::{Instance, Seen};

/// One step, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// What the memory of the Pod is to be limited to in the end, if it has more now.
    pub(crate) memory_bytes: Option<i64>,
    /// What the Pod's cgroup is set to.
    pub(crate) limits: Limits,
    /// Then these containers get what they are granted.
    pub(crate) containers: Vec<Target>,
}

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) id: String,
    /// What its memory is to be limited to, if it has more now.
    pub(crate) memory_bytes: Option<i64>,
}

/// The next change of cgroups. The Pod's is never smaller than those below it, so it grows first and shrinks last; between them
/// are the containers, those first that give something back, and those last that must be restarted, which is no change.
pub(super) fn next(pod: &Pod, seen: &Seen, applied: &Applied) -> Option<Change> {
    let goal = Limits::of(pod);
    let (restarted, changed): (Vec<_>, Vec<_>) = behind(pod, seen, applied)
        .partition(|(container, _)| must_restart(pod, container, applied));
    let most = match applied.limits {
        Some(now) => now.at_least(goal),
        None => goal.without_bounds(),
    };
    let limits = if applied.limits != Some(most) || !changed.is_empty() {
        most
    } else if restarted.is_empty() && most != goal {
        goal
    } else {
        return None;
    };
    let memory_now = applied.limits.and_then(|now| now.memory_bytes);
    let mut containers = changed;
    containers.sort_by_key(|(container, _)| grows(pod, container, applied));
    let containers = containers.into_iter();
    Some(Change {
        memory_bytes: lower(memory_now, goal.memory_bytes),
        limits,
        containers: containers
            .map(|(container, instance)| target(pod, container, instance, applied))
            .collect(),
    })
}

/// Whether the Pod has all that it is granted.
pub(super) fn is_done(pod: &Pod, seen: &Seen, applied: &Applied) -> bool {
    applied.limits == Some(Limits::of(pod)) && behind(pod, seen, applied).next().is_none()
}

/// Whether a container is to be restarted for what it is granted now, as its `resizePolicy` says.
pub(super) fn must_restart(pod: &Pod, container: &Container, applied: &Applied) -> bool {
    let Some(has) = applied.bounds(container) else {
        return false;
    };
    let mut policies = container.resize_policy.iter().flatten();
    policies.any(|policy| {
        let resource = &policy.resource_name;
        policy.restart_policy == "RestartContainer"
            && Bounds::of(pod, container).of_resource(resource) != has.of_resource(resource)
    })
}

/// The containers that run with something else than what they are granted.
fn behind<'a>(
    pod: &'a Pod,
    seen: &'a Seen,
    applied: &'a Applied,
) -> impl Iterator<Item = (&'a Container, &'a Instance)> {
    object::containers(pod).filter_map(|(_, container)| {
        let running = seen
            .newest(&container.name)
            .filter(|one| one.is_running())?;
        let is_behind = applied.bounds(container) != Some(Bounds::of(pod, container));
        is_behind.then_some((container, running))
    })
}

fn target(pod: &Pod, container: &Container, instance: &Instance, applied: &Applied) -> Target {
    let has = applied.bounds(container).unwrap_or_default();
    Target {
        name: container.name.clone(),
        id: instance.id.clone(),
        memory_bytes: lower(
            has.memory_limit_bytes,
            Bounds::of(pod, container).memory_limit_bytes,
        ),
    }
}

/// The limit that comes, if it is lower than the one that is.
fn lower(now: Option<i64>, then: Option<i64>) -> Option<i64> {
    then.filter(|then| now.is_some_and(|now| *then < now))
}

fn grows(pod: &Pod, container: &Container, applied: &Applied) -> bool {
    let (has, wants) = (
        applied.bounds(container).unwrap_or_default(),
        Bounds::of(pod, container),
    );
    ["cpu", "memory"].iter().any(|resource| {
        let pairs = has.of_resource(resource).into_iter();
        let mut pairs = pairs.zip(wants.of_resource(resource));
        pairs.any(|(before, after)| before < after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::seen::{Sandbox, State};
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn limited(name: &str, cpu: &str, memory: &str, policies: Value) -> Value {
        let limits = json!({"cpu": cpu, "memory": memory});
        let resources = json!({"requests": limits, "limits": limits});
        json!({"name": name, "resizePolicy": policies, "resources": resources})
    }

    fn pod(containers: Value) -> Pod {
        let status = json!({"qosClass": "Guaranteed"});
        let pod = json!({"spec": {"containers": containers}, "status": status});
        serde_json::from_value(pod).expect("a Pod")
    }

    fn running(names: &[&str]) -> Seen {
        let mut seen = Seen::default();
        seen.put_sandbox(Sandbox {
            id: "s".to_owned(),
            attempt: 0,
            ready: true,
            ips: Vec::new(),
        });
        for name in names {
            let instance = Instance {
                id: format!("{name}0"),
                sandbox_id: "s".to_owned(),
                attempt: 0,
                hash: String::new(),
                image: String::new(),
                image_ref: String::new(),
                log_path: String::new(),
                state: State::Running {
                    started_at: Timestamp::UNIX_EPOCH,
                },
            };
            seen.put(name, instance);
        }
        seen
    }

    fn names(change: &Change) -> Vec<&str> {
        let containers = change.containers.iter();
        containers.map(|target| target.name.as_str()).collect()
    }

    const NONE: Value = Value::Null;

    #[test]
    fn the_pod_grows_first() {
        let old = pod(json!([limited("a", "1", "64Mi", NONE)]));
        let new = pod(json!([limited("a", "2", "128Mi", NONE)]));
        let seen = running(&["a"]);
        let mut applied = Applied::of(&old);
        assert_eq!(next(&old, &seen, &applied), None);
        assert!(is_done(&old, &seen, &applied));

        let change = next(&new, &seen, &applied).expect("a change");
        assert_eq!(change.limits, Limits::of(&new));
        assert_eq!((names(&change), change.memory_bytes), (vec!["a"], None));
        assert!(!is_done(&new, &seen, &applied));

        applied.limits = Some(change.limits);
        applied.containers = Applied::of(&new).containers;
        assert_eq!(next(&new, &seen, &applied), None);
        assert!(is_done(&new, &seen, &applied));
    }

    #[test]
    fn the_pod_shrinks_last_and_those_who_give_back_come_first() {
        let old = pod(json!([
            limited("a", "1", "64Mi", NONE),
            limited("b", "2", "128Mi", NONE)
        ]));
        let new = pod(json!([
            limited("a", "2", "64Mi", NONE),
            limited("b", "500m", "32Mi", NONE)
        ]));
        let seen = running(&["a", "b"]);
        let mut applied = Applied::of(&old);
        let change = next(&new, &seen, &applied).expect("a change");
        assert_eq!(change.limits, Limits::of(&old));
        assert_eq!(names(&change), ["b", "a"]);
        assert_eq!(change.memory_bytes, Some(96 << 20));
        assert_eq!(change.containers[0].memory_bytes, Some(32 << 20));
        assert_eq!(change.containers[1].memory_bytes, None);

        applied.containers = Applied::of(&new).containers;
        let change = next(&new, &seen, &applied).expect("a change");
        assert_eq!((change.limits, names(&change)), (Limits::of(&new), vec![]));
    }

    #[test]
    fn a_pod_of_unknown_limits_is_set_anew() {
        let old = pod(json!([limited("a", "1", "64Mi", NONE)]));
        let seen = running(&["a"]);
        let mut applied = Applied::of(&old);
        applied.limits = None;
        for expected in [Limits::of(&old).without_bounds(), Limits::of(&old)] {
            assert!(!is_done(&old, &seen, &applied));
            let change = next(&old, &seen, &applied).expect("a change");
            assert_eq!(change.limits, expected);
            applied.limits = Some(change.limits);
        }
        assert!(is_done(&old, &seen, &applied));
    }

    #[test]
    fn a_container_that_must_be_restarted_is_waited_for() {
        let policies = json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
        let of =
            |cpu: &str, memory: &str| pod(json!([limited("a", cpu, memory, policies.clone())]));
        let (old, larger, smaller) = (of("1", "64Mi"), of("1", "128Mi"), of("1", "32Mi"));
        let seen = running(&["a"]);
        let mut applied = Applied::of(&old);
        let must = |pod: &Pod, applied: &Applied| {
            must_restart(pod, &object::app_containers(pod)[0], applied)
        };
        assert!(
            must(&larger, &applied)
                && must(&smaller, &applied)
                && !must(&of("2", "64Mi"), &applied)
        );

        assert_eq!(
            next(&smaller, &seen, &applied),
            None,
            "it has more until it is restarted"
        );
        assert!(!is_done(&smaller, &seen, &applied));
        let change = next(&larger, &seen, &applied).expect("a change");
        assert_eq!(
            (change.limits, names(&change)),
            (Limits::of(&larger), vec![])
        );
        applied.limits = Some(change.limits);
        assert_eq!(next(&larger, &seen, &applied), None);

        let change = next(&smaller, &running(&[]), &Applied::of(&old)).expect("a change");
        assert_eq!(change.limits, Limits::of(&smaller));
    }

    #[test]
    fn what_nobody_knows_is_set_without_a_restart() {
        let policies = json!([{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]);
        let pod = pod(json!([limited("a", "1", "64Mi", policies)]));
        let seen = running(&["a"]);
        let mut applied = Applied::default();
        let change = next(&pod, &seen, &applied).expect("a change");
        let unbound = Limits::of(&pod).without_bounds();
        assert_eq!((change.limits, names(&change)), (unbound, vec!["a"]));
        applied = Applied {
            limits: Some(unbound),
            ..Applied::of(&pod)
        };
        let change = next(&pod, &seen, &applied).expect("a change");
        assert_eq!((change.limits, names(&change)), (Limits::of(&pod), vec![]));
        assert_eq!(change.memory_bytes, None);
    }

    #[test]
    fn containers_without_limits_follow_their_pod() {
        let of = |cpu: &str, memory: &str| {
            let policies = json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
            let whole = json!({"cpu": cpu, "memory": memory});
            let mut pod = pod(json!([
                {"name": "free", "resizePolicy": policies},
                limited("own", "500m", "32Mi", policies),
            ]));
            let spec = pod.spec.as_mut().expect("a spec");
            let whole = json!({"requests": whole, "limits": whole});
            spec.resources = Some(serde_json::from_value(whole).expect("resources"));
            pod
        };
        let old = of("1", "64Mi");
        let seen = running(&["free", "own"]);
        let applied = Applied::of(&old);
        let change = next(&of("2", "64Mi"), &seen, &applied).expect("a change");
        assert_eq!(
            (names(&change), change.limits.cpu_quota_us),
            (vec!["free"], Some(200_000))
        );

        let smaller = of("1", "48Mi");
        let must =
            |at: usize| must_restart(&smaller, &object::app_containers(&smaller)[at], &applied);
        assert_eq!([must(0), must(1)], [true, false]);
    }
}
