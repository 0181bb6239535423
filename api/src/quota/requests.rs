//! What a whole Pod asks for and may use (KEP-753 sidecar containers, KEP-2837 Pod level resources).

use serde_json::Value;

use super::{Amounts, add, amounts};

/// What the Pod of this spec asks for at any moment of its life.
pub fn requests_of_pod(spec: &Value) -> Amounts {
    of_pod(spec, "requests")
}

/// What the Pod of this spec may use at any moment of its life.
pub fn limits_of_pod(spec: &Value) -> Amounts {
    of_pod(spec, "limits")
}

/// The greater of all containers together and each init container beside the sidecars started before it, plus the
/// overhead; resources of the Pod itself take the place of those of its containers.
fn of_pod(spec: &Value, which: &str) -> Amounts {
    let mut all = of_containers(spec, which);
    all.extend(amounts(&spec["resources"][which]));
    let overhead = amounts(&spec["overhead"]);
    // What is not limited at all is not limited by the overhead.
    let applies = |name: &String| which == "requests" || all.contains_key(name);
    let overhead = overhead.into_iter().filter(|(name, _)| applies(name));
    let overhead: Amounts = overhead.collect();
    add(&mut all, &overhead);
    all
}

fn of_containers(spec: &Value, which: &str) -> Amounts {
    let own = |container: &Value| amounts(&container["resources"][which]);
    let list = |name: &str| spec[name].as_array().map_or(&[][..], Vec::as_slice);
    let mut running = Amounts::new();
    for container in list("containers") {
        add(&mut running, &own(container));
    }
    let (mut sidecars, mut starting) = (Amounts::new(), Amounts::new());
    for container in list("initContainers") {
        if container["restartPolicy"] == "Always" {
            add(&mut sidecars, &own(container));
            at_least(&mut starting, &sidecars);
        } else {
            let mut beside = sidecars.clone();
            add(&mut beside, &own(container));
            at_least(&mut starting, &beside);
        }
    }
    add(&mut running, &sidecars);
    at_least(&mut running, &starting);
    running
}

fn at_least(amounts: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let most = amounts.entry(name.clone()).or_insert(*amount);
        *most = (*most).max(*amount);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::quota::shown;

    #[test]
    fn a_pod_asks_for_the_most_of_any_moment() {
        let asks = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let sidecar =
            |cpu: &str| json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}});
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
                json!({"containers": [asks("1")], "initContainers": [sidecar("2"), asks("2")]}),
                "cpu=4",
            ),
            (
                json!({"containers": [asks("1")], "overhead": {"cpu": "1"}, "resources": {"requests": {"cpu": "5"}}}),
                "cpu=6",
            ),
            (json!({"containers": [{}]}), ""),
        ];
        for (spec, expected) in cases {
            assert_eq!(shown(&requests_of_pod(&spec)), expected, "{spec}");
        }
    }
}
