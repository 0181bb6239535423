//! The step of a Pod that runs to other resources (KEP-1287, KEP-5419).

use serde_json::{Value, json};

use super::qos;
use crate::field::{Error, Errors, Path};
use crate::kinds::common::{Field, same};

/// What can be resized.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];
const LISTS: [&str; 2] = ["requests", "limits"];

/// What is wrong with a resize (`ValidatePodResize`). The containers of both Pods have the same names, in the same order.
pub(super) fn validate(new: &Field<'_>, old: &Field<'_>) -> Errors {
    if let Some(words) = never(old) {
        return vec![Error::forbidden(&Path::root(""), words)];
    }
    let mut errors = Errors::new();
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let class = old.get("status").get("qosClass");
    if class.str() != qos::class(spec.value()) {
        let words = "Pod QOS Class may not change as a result of resizing";
        errors.push(Error::invalid(spec.path(), class.value().clone(), words));
    }
    if !has_support(old) {
        errors.push(spec.forbidden("Pod running on node without support for resize"));
    }
    kept(&spec, &old_spec, &mut errors);
    if differs_in_more(&of_pod(&spec), &of_pod(&old_spec)) {
        errors.push(spec.forbidden("only cpu and memory resources are mutable"));
    }
    for (new, old) in pairs(&spec, &old_spec, "containers") {
        kept(&new, &old, &mut errors);
        if differs_in_more(new.value(), old.value()) {
            errors.push(spec.forbidden("only cpu and memory resources are mutable"));
        }
    }
    for (new, old) in pairs(&spec, &old_spec, "initContainers") {
        if old.get("restartPolicy").str() != "Always" {
            if !same(new.value(), old.value()) {
                let words = "resources for non-sidecar init containers are immutable";
                errors.push(spec.forbidden(words));
            }
            continue;
        }
        kept(&new, &old, &mut errors);
        if differs_in_more(new.value(), old.value()) {
            let words = "only cpu and memory resources for sidecar containers are mutable";
            errors.push(spec.forbidden(words));
        }
    }
    errors
}

/// Why a Pod can never be resized, if so.
fn never(old: &Field<'_>) -> Option<&'static str> {
    let annotations = old.get("metadata").get("annotations");
    if annotations.get("kubernetes.io/config.mirror").is_set() {
        Some("static pods cannot be resized")
    } else if old.get("spec").get("os").get("name").str() == "windows" {
        Some("windows pods cannot be resized")
    } else {
        None
    }
}

/// Whether the kubelet of the Pod says what its containers have: then it can give them more.
fn has_support(old: &Field<'_>) -> bool {
    let statuses = old.get("status").get("containerStatuses");
    let mut running = statuses.items();
    let running = running.find(|one| one.get("state").get("running").is_set());
    running.is_none_or(|one| one.get("resources").is_set())
}

fn pairs<'a>(
    new: &Field<'a>,
    old: &Field<'a>,
    list: &str,
) -> impl Iterator<Item = (Field<'a>, Field<'a>)> + use<'a> {
    new.get(list).items().zip(old.get(list).items())
}

/// What is asked for or limited can become more or less, but not go.
fn kept(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    for list in LISTS {
        let of = |owner: &Field<'_>| owner.get("resources").get(list).value().clone();
        let (after, before) = (of(new), of(old));
        let mut names = before.as_object().into_iter().flat_map(|all| all.keys());
        if names.any(|name| after[name.as_str()].is_null()) {
            let words = format!("resource {list} cannot be removed");
            errors.push(new.get("resources").get(list).forbidden(words));
        }
    }
}

/// The Pod's own resources, which may come while it runs (KEP-5419).
fn of_pod(spec: &Field<'_>) -> Value {
    let resources = spec.get("resources");
    let of = |list: &str| match resources.get(list).value() {
        Value::Null => json!({}),
        amounts => amounts.clone(),
    };
    json!({"resources": {"requests": of("requests"), "limits": of("limits")}})
}

fn differs_in_more(new: &Value, old: &Value) -> bool {
    !same(&without_resizable(new), &without_resizable(old))
}

fn without_resizable(owner: &Value) -> Value {
    let mut rest = owner.clone();
    for list in LISTS {
        let amounts = rest.pointer_mut(&format!("/resources/{list}"));
        if let Some(amounts) = amounts.and_then(Value::as_object_mut) {
            amounts.retain(|name, _| !RESIZABLE.contains(&name.as_str()));
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    fn pod() -> Value {
        let resources = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}});
        json!({
            "metadata": {"name": "a"},
            "spec": {
                "containers": [{"name": "a", "resources": resources}],
                "initContainers": [
                    {"name": "i", "resources": resources},
                    {"name": "s", "restartPolicy": "Always", "resources": resources},
                ],
            },
            "status": {"qosClass": "Burstable", "containerStatuses": [
                {"name": "a", "state": {"running": {}}, "resources": {}},
            ]},
        })
    }

    fn wrong(old: &Value, change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut new = old.clone();
        change(&mut new);
        words(&validate(&Field::root(&new), &Field::root(old)))
    }

    #[test]
    fn cpu_and_memory_of_containers_and_sidecars_may_change() {
        let resources = json!({"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"cpu": "3", "memory": "9Gi"}});
        let found = wrong(&pod(), |new| {
            new["spec"]["containers"][0]["resources"] = resources.clone();
            new["spec"]["initContainers"][1]["resources"] = resources;
        });
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_pods_own_cpu_and_memory_may_come_and_change() {
        let of = |cpu: &str| json!({"requests": {"cpu": cpu}, "limits": {"cpu": "8"}});
        let found = wrong(&pod(), |new| new["spec"]["resources"] = of("2"));
        assert_eq!(found, [""; 0]);
        let mut old = pod();
        old["spec"]["resources"] = of("2");
        for (resources, expected) in [
            (of("4"), vec![]),
            (
                json!({"limits": {"cpu": "8"}}),
                vec!["spec.resources.requests: Forbidden: resource requests cannot be removed"],
            ),
            (
                json!({"requests": {"cpu": "2", "hugepages-2Mi": "2Mi"}, "limits": {"cpu": "8"}}),
                vec!["spec: Forbidden: only cpu and memory resources are mutable"],
            ),
        ] {
            let found = wrong(&old, |new| new["spec"]["resources"] = resources);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_users_get_wrong() {
        let cases = [
            (
                "/spec/containers/0/resources/requests",
                json!({"cpu": "1"}),
                vec![
                    "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
                ],
            ),
            (
                "/spec/containers/0/resources",
                json!({"requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1"}, "limits": {"cpu": "2"}}),
                vec!["spec: Forbidden: only cpu and memory resources are mutable"],
            ),
            (
                "/spec/initContainers/0/resources/requests/cpu",
                json!("2"),
                vec!["spec: Forbidden: resources for non-sidecar init containers are immutable"],
            ),
            (
                "/spec/initContainers/1/resources/limits",
                json!({}),
                vec![
                    "spec.initContainers[1].resources.limits: Forbidden: resource limits cannot be removed",
                ],
            ),
        ];
        for (place, value, expected) in cases {
            let found = wrong(&pod(), |new| {
                *new.pointer_mut(place).expect("a place") = value.clone();
            });
            assert_eq!(found, expected, "{place} {value}");
        }
        let mut idle = pod();
        idle["spec"]["initContainers"] = json!([]);
        let equal = json!({"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}});
        assert_eq!(
            wrong(&idle, |new| new["spec"]["containers"][0]["resources"] =
                equal),
            [
                "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"
            ]
        );
    }

    #[test]
    fn some_pods_are_never_resized() {
        let cases = [
            (
                "spec",
                json!({"os": {"name": "windows"}}),
                "windows pods cannot be resized",
            ),
            (
                "metadata",
                json!({"annotations": {"kubernetes.io/config.mirror": "x"}}),
                "static pods cannot be resized",
            ),
        ];
        for (part, value, expected) in cases {
            let mut old = pod();
            old[part] = value;
            let found = wrong(&old, |_| {});
            assert_eq!(found, [format!("<nil>: Forbidden: {expected}")]);
        }
        let mut old = pod();
        old["status"]["containerStatuses"][0]["resources"] = Value::Null;
        assert_eq!(
            wrong(&old, |_| {}),
            ["spec: Forbidden: Pod running on node without support for resize"]
        );
    }
}
