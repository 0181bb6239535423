//! The quality of service of a Pod: who is killed first when memory runs out
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Quantity;
use crate::kinds::common::cells::items;

/// The resources that count.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// Amounts of the resources that count; none of nothing.
type Amounts = BTreeMap<&'static str, Quantity>;

/// The class of a PodSpec with its defaults set: `Guaranteed`, `Burstable` or `BestEffort`.
pub(super) fn class(spec: &Value) -> &'static str {
    let whole_pod = &spec["resources"];
    let counted = match whole_pod.is_object() {
        true => vec![whole_pod],
        false => resources_of_containers(spec),
    };
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut all_limited = true;
    for resources in counted {
        add(&mut requests, &resources["requests"]);
        all_limited &= add(&mut limits, &resources["limits"]) == COUNTED.len();
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if all_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn resources_of_containers(spec: &Value) -> Vec<&Value> {
    let containers = items(spec, "/containers").iter();
    let all = containers.chain(items(spec, "/initContainers"));
    all.map(|container| &container["resources"]).collect()
}

/// Adds a list of resources; how many of those that count it has.
fn add(amounts: &mut Amounts, list: &Value) -> usize {
    let mut found = 0;
    for resource in COUNTED {
        let amount = Quantity::from_json(&list[resource]);
        let Some(amount) = amount.ok().filter(|amount| !amount.is_zero()) else {
            continue;
        };
        found += 1;
        let sum = amounts.entry(resource).or_insert(Quantity::ZERO);
        *sum += amount;
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn classes() {
        let both = |cpu: &str, memory: &str| json!({"cpu": cpu, "memory": memory});
        let guaranteed = json!({"requests": both("1", "1Gi"), "limits": both("1000m", "1024Mi")});
        let burstable = json!({"requests": both("1", "1Gi"), "limits": both("2", "1Gi")});
        for (resources, class_of_it) in [
            (vec![json!({})], "BestEffort"),
            (
                vec![json!({"limits": {"example.com/gpu": "1"}})],
                "BestEffort",
            ),
            (vec![json!({"requests": {"cpu": "0"}})], "BestEffort"),
            (vec![guaranteed.clone()], "Guaranteed"),
            (vec![guaranteed.clone(), guaranteed.clone()], "Guaranteed"),
            (vec![guaranteed.clone(), json!({})], "Burstable"),
            (vec![burstable], "Burstable"),
            (vec![json!({"requests": {"cpu": "1"}})], "Burstable"),
        ] {
            let containers: Vec<Value> = resources
                .iter()
                .map(|it| json!({"resources": it}))
                .collect();
            assert_eq!(
                class(&json!({"containers": containers})),
                class_of_it,
                "{resources:?}"
            );
        }
        let pod_level = json!({"resources": guaranteed, "containers": [{}]});
        assert_eq!(class(&pod_level), "Guaranteed");
    }
}
