//! What containers get that say nothing.

use serde_json::{Value, json};

use super::items;

/// The annotation that says what was set.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";
/// A field of a container's resources, the default for it, and its name in the annotation.
const FIELDS: [(&str, &str, &str); 2] = [
    ("requests", "defaultRequest", "request"),
    ("limits", "default", "limit"),
];
const LISTS: [(&str, &str); 2] = [
    ("containers", "container"),
    ("initContainers", "init container"),
];

/// Sets the defaults of the ranges where containers say nothing, and notes that at the Pod.
pub(super) fn apply(ranges: &[Value], pod: &mut Value) {
    let mut notes = Vec::new();
    for (list, kind) in LISTS {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            for (field, default, noun) in FIELDS {
                let set = set_defaults(ranges, container, field, default);
                if !set.is_empty() {
                    let name = container["name"].as_str().unwrap_or_default();
                    notes.push(format!("{} {noun} for {kind} {name}", set.join(", ")));
                }
            }
        }
    }
    if notes.is_empty() {
        return;
    }
    let note = format!("LimitRanger plugin set: {}", notes.join("; "));
    match &mut pod["metadata"]["annotations"] {
        Value::Object(annotations) => {
            annotations.insert(ANNOTATION.to_owned(), note.into());
        }
        other => *other = json!({ANNOTATION: note}),
    }
}

/// The resources that were set, in order.
fn set_defaults(
    ranges: &[Value],
    container: &mut Value,
    field: &str,
    default: &str,
) -> Vec<String> {
    let mut set = Vec::new();
    for item in items(ranges, "Container") {
        for (resource, amount) in item[default].as_object().into_iter().flatten() {
            let place = &mut container["resources"][field][resource];
            if place.is_null() {
                *place = amount.clone();
                set.push(resource.clone());
            }
        }
    }
    set.sort();
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unsaid_is_set_and_noted() {
        let ranges = [json!({"spec": {"limits": [
            {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "500m", "memory": "1Gi"}},
            {"type": "Pod", "max": {"cpu": "9"}},
        ]}})];
        let mut pod = json!({"metadata": {}, "spec": {"containers": [
            {"name": "web"},
            {"name": "log", "resources": {"requests": {"cpu": "1", "memory": "1"}, "limits": {"cpu": "2", "memory": "2"}}},
        ]}});
        apply(&ranges, &mut pod);
        assert_eq!(
            pod["spec"]["containers"][0]["resources"],
            json!({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}})
        );
        assert_eq!(
            pod["metadata"]["annotations"][ANNOTATION],
            "LimitRanger plugin set: cpu, memory request for container web; cpu, memory limit for container web"
        );
        let before = pod.clone();
        apply(&ranges, &mut pod);
        assert_eq!(pod, before, "a second time it changes nothing");
    }
}
