//! What whole Pods ask for and may use: one set of sums for the scheduler, quotas, LimitRanges and the kubelet
//! (KEP-753 sidecar containers, KEP-2837 resources of Pods).

use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, Pod, PodSpec, PodStatus, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use std::collections::BTreeMap;

use crate::Quantity;
use crate::amounts::{Amounts, add, at_least, of_typed};

/// The condition of a Pod that wants what its node does not give it (KEP-1287).
pub const RESIZE_PENDING: &str = "PodResizePending";
/// Its reason if the node never will.
pub const INFEASIBLE: &str = "Infeasible";

/// What of resources is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// What is asked for.
    Request,
    /// What may be used.
    Limit,
}

/// So much of one resource, if it is said; nothing is as if it were not.
pub fn amount(
    resources: Option<&ResourceRequirements>,
    bound: Bound,
    name: &str,
) -> Option<Quantity> {
    let found = Quantity::of(list(resources?, bound)?.get(name)?).ok()?;
    (found > Quantity::ZERO).then_some(found)
}

/// What a Pod of this spec asks for, or may use, at any moment of its life.
pub fn wanted(spec: &PodSpec, bound: Bound) -> Amounts {
    let own = said(spec.resources.as_ref(), bound);
    of_pod(spec, bound, own, |container| {
        said(container.resources.as_ref(), bound)
    })
}

/// What is taken by a Pod, in the scheduler's and in quotas' eyes. While its resources are changed that is the most of what it
/// wants, what its node has granted and what it has; what its node will never grant is not counted (KEP-1287, KEP-5419).
pub fn taken(pod: &Pod, bound: Bound) -> Amounts {
    let Some(spec) = &pod.spec else {
        return Amounts::new();
    };
    let Some(status) = &pod.status else {
        return wanted(spec, bound);
    };
    let is_infeasible = is_infeasible(status);
    let most = |wanted, has: Option<&ResourceRequirements>, granted| {
        let Some(has) = has else {
            return wanted;
        };
        let mut most = match is_infeasible {
            true => Amounts::new(),
            false => wanted,
        };
        at_least(&mut most, &said(Some(has), bound));
        if bound == Bound::Request {
            at_least(&mut most, &of_typed(granted));
        }
        most
    };
    let own = said(spec.resources.as_ref(), bound);
    let granted = status.allocated_resources.as_ref();
    let mut taken = most(own.clone(), status.resources.as_ref(), granted);
    // The status of the Pod speaks of its containers where its spec says nothing.
    taken.retain(|name, _| own.contains_key(name));
    of_pod(spec, bound, taken, |container| {
        let known = status_of(status, &container.name);
        most(
            said(container.resources.as_ref(), bound),
            known.and_then(|known| known.resources.as_ref()),
            known.and_then(|known| known.allocated_resources.as_ref()),
        )
    })
}

/// How much of a resource the Pod may use in all; `None` if any of its containers may use whatever there is.
pub fn ceiling(spec: &PodSpec, name: &str) -> Option<Quantity> {
    let limit = |resources| amount(resources, Bound::Limit, name);
    let inits = spec.init_containers.iter().flatten();
    let mut containers = spec.containers.iter().chain(inits);
    let is_bound = limit(spec.resources.as_ref()).is_some()
        || containers.all(|container| limit(container.resources.as_ref()).is_some());
    let all = is_bound.then(|| wanted(spec, Bound::Limit))?;
    all.get(name).copied()
}

/// What containers ask for (or may use) without the Pod's own resources and its overhead.
pub fn of_containers(spec: &PodSpec, bound: Bound) -> Amounts {
    at_once(spec, |container| said(container.resources.as_ref(), bound))
}

/// Resources of the Pod itself take the place of those of its containers; running them takes the overhead beside.
fn of_pod(
    spec: &PodSpec,
    bound: Bound,
    own: Amounts,
    of_container: impl Fn(&Container) -> Amounts,
) -> Amounts {
    let mut all = at_once(spec, of_container);
    all.extend(own);
    let mut overhead = of_typed(spec.overhead.as_ref());
    // What is not limited at all is not limited by the overhead.
    overhead.retain(|name, _| bound == Bound::Request || all.contains_key(name));
    add(&mut all, &overhead);
    all
}

/// The greater of all containers together and each init container beside the sidecars started before it.
fn at_once(spec: &PodSpec, of_container: impl Fn(&Container) -> Amounts) -> Amounts {
    let mut running = Amounts::new();
    for container in &spec.containers {
        add(&mut running, &of_container(container));
    }
    let (mut sidecars, mut starting) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let own = of_container(container);
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, &own);
            at_least(&mut starting, &sidecars);
        } else {
            let mut beside = sidecars.clone();
            add(&mut beside, &own);
            at_least(&mut starting, &beside);
        }
    }
    add(&mut running, &sidecars);
    at_least(&mut running, &starting);
    running
}

fn said(resources: Option<&ResourceRequirements>, bound: Bound) -> Amounts {
    of_typed(resources.and_then(|all| list(all, bound)))
}

fn list(resources: &ResourceRequirements, bound: Bound) -> Option<&BTreeMap<String, ApiQuantity>> {
    match bound {
        Bound::Request => resources.requests.as_ref(),
        Bound::Limit => resources.limits.as_ref(),
    }
}

fn status_of<'a>(status: &'a PodStatus, container: &str) -> Option<&'a ContainerStatus> {
    let lists = [&status.init_container_statuses, &status.container_statuses];
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|known| known.name == container)
}

/// Whether the node of the Pod can never give it what it wants now.
fn is_infeasible(status: &PodStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|one| one.type_ == RESIZE_PENDING && one.reason.as_deref() == Some(INFEASIBLE))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::amounts::shown;

    fn asks(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}})
    }

    fn sidecar(cpu: &str) -> Value {
        let mut sidecar = asks(cpu);
        sidecar["restartPolicy"] = json!("Always");
        sidecar
    }

    fn spec(spec: &Value) -> PodSpec {
        serde_json::from_value(spec.clone()).expect("a spec")
    }

    #[test]
    fn a_pod_asks_for_the_most_of_any_moment() {
        let whole = json!({"requests": {"cpu": "5"}});
        let cases = [
            (
                json!({"containers": [asks("1"), asks("500m")]}),
                "cpu=1500m",
            ),
            (
                json!({"containers": [asks("1")], "initContainers": [asks("3")]}),
                "cpu=3",
            ),
            (
                json!({"containers": [asks("1")], "initContainers": [sidecar("500m")]}),
                "cpu=1500m",
            ),
            (
                json!({"containers": [asks("1")], "initContainers": [sidecar("2"), asks("2")]}),
                "cpu=4",
            ),
            (
                json!({"containers": [asks("1")], "overhead": {"cpu": "1"}, "resources": whole}),
                "cpu=6",
            ),
            (json!({"containers": [{"name": "c"}]}), ""),
        ];
        for (given, expected) in cases {
            let found = wanted(&spec(&given), Bound::Request);
            assert_eq!(shown(&found), expected, "{given}");
        }
    }

    #[test]
    fn one_container_without_a_limit_leaves_the_pod_without() {
        let free = json!({"name": "free"});
        let whole = json!({"limits": {"cpu": "4"}});
        for (given, expected) in [
            (json!({"containers": [asks("1"), asks("2")]}), Some("3")),
            (json!({"containers": [asks("1"), free]}), None),
            (
                json!({"containers": [asks("1")], "initContainers": [free]}),
                None,
            ),
            (
                json!({"containers": [asks("1"), free], "resources": whole}),
                Some("4"),
            ),
            (
                json!({"containers": [asks("1")], "overhead": {"cpu": "1", "memory": "1"}}),
                Some("2"),
            ),
        ] {
            let found = ceiling(&spec(&given), "cpu").map(|cpu| cpu.to_string());
            assert_eq!(found.as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn a_pod_that_is_resized_takes_the_most_of_what_it_wants_and_has() {
        for (reason, wanted, granted, has, requests, limits) in [
            ("Deferred", "3", "1", "1", "cpu=3", "cpu=3"),
            ("Infeasible", "3", "1", "1", "cpu=1", "cpu=1"),
            ("Deferred", "1", "2", "1", "cpu=2", "cpu=1"),
            ("Deferred", "1", "1", "2", "cpu=2", "cpu=2"),
        ] {
            let resources = |cpu: &str| json!({"requests": {"cpu": cpu}, "limits": {"cpu": cpu}});
            let conditions = json!([{"type": RESIZE_PENDING, "status": "True", "reason": reason}]);
            let granted = json!({"cpu": granted});
            let of_container = json!({
                "spec": {"containers": [asks(wanted)]},
                "status": {"conditions": conditions, "containerStatuses": [
                    {"name": "c", "allocatedResources": granted, "resources": resources(has)},
                ]},
            });
            let of_pod = json!({
                "spec": {"containers": [{"name": "c"}], "resources": resources(wanted)},
                "status": {"conditions": conditions, "allocatedResources": granted, "resources": resources(has)},
            });
            for pod in [of_container, of_pod] {
                let pod: Pod = serde_json::from_value(pod).expect("a Pod");
                let found = [Bound::Request, Bound::Limit].map(|bound| shown(&taken(&pod, bound)));
                assert_eq!(
                    found,
                    [requests, limits],
                    "{reason} {wanted} {granted} {has}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_as_if_it_were_not_said() {
        let resources: ResourceRequirements =
            serde_json::from_value(json!({"requests": {"cpu": "0", "memory": "1Gi"}}))
                .expect("some");
        let of = |bound, name| amount(Some(&resources), bound, name).map(Quantity::value);
        assert_eq!(of(Bound::Request, "cpu"), None);
        assert_eq!(of(Bound::Request, "memory"), Some(1 << 30));
        assert_eq!(of(Bound::Limit, "memory"), None);
    }
}
