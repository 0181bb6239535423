//! A Pod costs what its RuntimeClass says, and runs where that can
//! (<https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#runtimeclass>).

use serde_json::{Map, Value, json};
use skiff_api::{Descriptor, Status};
use skiff_store::Snapshot;

use crate::codec::object_of;

const PREFIX: &str = "/registry/node.k8s.io/runtimeclasses/";

/// Gives a Pod the overhead, the node selector and the tolerations of its class.
pub(super) fn admit(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    pod: &mut Value,
) -> Result<(), Status> {
    let wanted = pod["spec"]["runtimeClassName"].as_str().unwrap_or_default();
    let class = match wanted {
        "" => Ok(Value::Null),
        wanted => match snapshot.get(&format!("{PREFIX}{wanted}")) {
            Some(entry) => Ok(object_of(&entry.value)?),
            None => Err(format!("pod rejected: RuntimeClass {wanted:?} not found")),
        },
    };
    class
        .and_then(|class| apply(&class, &mut pod["spec"]))
        .map_err(|why| {
            let name = super::name_of(pod).to_owned();
            Status::forbidden(&descriptor.group_resource(), &name, &why)
        })
}

/// `class` is null for a Pod without one.
fn apply(class: &Value, spec: &mut Value) -> Result<(), String> {
    let cost = class["overhead"]["podFixed"].as_object();
    let given = spec["overhead"].as_object().filter(|all| !all.is_empty());
    match (cost.filter(|all| !all.is_empty()), given) {
        (None, Some(_)) => {
            return Err(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
                    .to_owned(),
            );
        }
        (Some(cost), Some(given)) if cost != given => {
            return Err(
                "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
                    .to_owned(),
            );
        }
        (Some(cost), None) => spec["overhead"] = cost.clone().into(),
        _ => {}
    }
    if let Some(selector) = class["scheduling"]["nodeSelector"].as_object() {
        select(selector, spec)?;
    }
    for toleration in class["scheduling"]["tolerations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let known = spec["tolerations"].as_array();
        if !known.is_some_and(|known| known.contains(toleration)) {
            super::push(&mut spec["tolerations"], toleration.clone());
        }
    }
    Ok(())
}

fn select(selector: &Map<String, Value>, spec: &mut Value) -> Result<(), String> {
    for (key, value) in selector {
        let own = &spec["nodeSelector"][key];
        if !own.is_null() && own != value {
            return Err(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; pod.spec.nodeSelector[{key}] = {}",
                value.as_str().unwrap_or_default(),
                own.as_str().unwrap_or_default()
            ));
        }
        if !spec["nodeSelector"].is_object() {
            spec["nodeSelector"] = json!({});
        }
        spec["nodeSelector"][key] = value.clone();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_gets_what_its_class_says_unless_it_says_otherwise() {
        let class = json!({
            "overhead": {"podFixed": {"cpu": "250m"}},
            "scheduling": {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]},
        });
        let applied = |mut spec: Value| apply(&class, &mut spec).map(|()| spec);
        let tolerations = json!([{"key": "vm", "operator": "Exists"}]);
        let whole = json!({
            "overhead": {"cpu": "250m"}, "nodeSelector": {"vm": "yes"}, "tolerations": tolerations,
        });
        assert_eq!(applied(json!({})), Ok(whole.clone()));
        assert_eq!(applied(whole.clone()), Ok(whole));
        let more = applied(json!({"nodeSelector": {"disk": "ssd"}})).expect("no conflict");
        assert_eq!(more["nodeSelector"], json!({"disk": "ssd", "vm": "yes"}));
        let conflict = "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no";
        assert_eq!(
            applied(json!({"nodeSelector": {"vm": "no"}})),
            Err(conflict.to_owned())
        );
        let another = applied(json!({"overhead": {"cpu": "1"}}));
        assert!(another.is_err_and(|why| why.contains("doesn't match")));
        let without = apply(&Value::Null, &mut json!({"overhead": {"cpu": "1"}}));
        assert!(without.is_err_and(|why| why.contains("without corresponding")));
        assert_eq!(apply(&Value::Null, &mut json!({})), Ok(()));
    }
}
