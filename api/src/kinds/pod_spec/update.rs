//! The step from one PodSpec of a Pod to the next: a Pod is what it was, but for a few fields.

use serde_json::Value;

use crate::field::Errors;
use crate::kinds::common::{Field, same};

/// Kubernetes' own list of what may change, to the letter.
const MUTABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
`spec.tolerations` (only additions to existing tolerations),\
`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What is wrong with a change of a Pod's spec (`ValidatePodUpdate`).
pub(crate) fn validate_update(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    if same(new.value(), old.value()) {
        return;
    }
    for list in ["containers", "initContainers"] {
        let (new, old) = (new.get(list), old.get(list));
        if new.len() != old.len() {
            errors.push(new.forbidden("pod updates may not add or remove containers"));
            return;
        }
    }
    deadline(new, old, errors);
    tolerations(new, old, errors);
    scheduling_gates(new, old, errors);
    if !same(
        &with_mutable_fields_of(new.value(), old.value()),
        new.value(),
    ) {
        let words = format!("pod updates may not change fields other than {MUTABLE}");
        errors.push(new.forbidden(words));
    }
}

/// The old spec, with the new values where they may change.
fn with_mutable_fields_of(new: &Value, old: &Value) -> Value {
    let mut allowed = old.clone();
    let mut fields = vec!["activeDeadlineSeconds", "tolerations", "schedulingGates"];
    let grace = |spec: &Value| spec["terminationGracePeriodSeconds"].as_i64();
    if grace(old).is_some_and(|seconds| seconds < 0) && grace(new) == Some(1) {
        fields.push("terminationGracePeriodSeconds");
    }
    for field in fields {
        copy(&mut allowed, new, field);
    }
    for list in ["containers", "initContainers"] {
        let containers = allowed.get_mut(list).and_then(Value::as_array_mut);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            copy(container, &new[list][index], "image");
        }
    }
    allowed
}

/// What is wrong with a change of the containers that were added to a Pod to look inside: more may be added, and what is
/// there stays as it is (`ValidatePodEphemeralContainersUpdate`).
pub(crate) fn validate_ephemeral_update(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let list = "ephemeralContainers";
    let new = new.get(list);
    for known in old.get(list).items() {
        let name = known.get("name").str();
        let still = new.items().find(|one| one.get("name").str() == name);
        let done = match still {
            None => "removed",
            Some(still) if !same(still.value(), known.value()) => "changed",
            Some(_) => continue,
        };
        let words = format!("existing ephemeral containers {name:?} may not be {done}");
        errors.push(new.forbidden(words));
    }
}

fn copy(to: &mut Value, from: &Value, field: &str) {
    let Value::Object(map) = to else { return };
    match from.get(field) {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

fn deadline(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let name = "activeDeadlineSeconds";
    let (new, old) = (new.get(name), old.get(name));
    match (new.int(), old.int()) {
        (None, Some(_)) => {
            let words = "must not update from a positive integer to nil value";
            errors.push(new.invalid(words));
        }
        (Some(later), Some(before)) if later > before => {
            let words = "must be less than or equal to previous value";
            errors.push(new.invalid(words));
        }
        _ => {}
    }
}

fn tolerations(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let (new, old) = (new.get("tolerations"), old.get("tolerations"));
    let still_there = |toleration: &Value| {
        let mut known = new.items();
        known.any(|other| same_but_seconds(other.value(), toleration))
    };
    if !old
        .items()
        .all(|toleration| still_there(toleration.value()))
    {
        let words = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(new.forbidden(words));
    }
}

fn same_but_seconds(one: &Value, other: &Value) -> bool {
    ["key", "operator", "value", "effect"]
        .iter()
        .all(|field| one[*field] == other[*field])
}

fn scheduling_gates(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let (new, old) = (new.get("schedulingGates"), old.get("schedulingGates"));
    let known = |name: &str| old.items().any(|gate| gate.get("name").str() == name);
    for gate in new.items() {
        let name = gate.get("name");
        if !known(name.str()) {
            let words = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                name.str()
            );
            errors.push(name.forbidden(words));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::field::Path;
    use crate::kinds::common::testing::words;

    const REFUSED: &str = "spec: Forbidden: pod updates may not change fields other than \
        `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
        `spec.tolerations` (only additions to existing tolerations),\
        `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

    fn wrong(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let old = json!({
            "containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}],
            "activeDeadlineSeconds": 60,
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "terminationGracePeriodSeconds": 30,
        });
        let mut new = old.clone();
        change(&mut new);
        let at = |spec| Field::at(Path::root("spec"), spec);
        let mut errors = Errors::new();
        validate_update(&at(&new), &at(&old), &mut errors);
        words(&errors)
    }

    #[test]
    fn what_may_change() {
        assert_eq!(wrong(|_| {}), [""; 0]);
        assert_eq!(
            wrong(|spec| spec["containers"][1]["image"] = "b:2".into()),
            [""; 0]
        );
        assert_eq!(
            wrong(|spec| spec["activeDeadlineSeconds"] = 30.into()),
            [""; 0]
        );
        assert_eq!(
            wrong(|spec| {
                spec["tolerations"] = json!([{"key": "b"}, {"key": "a", "operator": "Exists", "tolerationSeconds": 1}]);
            }),
            [""; 0]
        );
    }

    #[test]
    fn containers_that_look_inside_are_only_added() {
        let old = json!({"ephemeralContainers": [{"name": "a", "image": "a:1"}]});
        let wrong = |new: Value| {
            let at = |spec| Field::at(Path::root("spec"), spec);
            let mut errors = Errors::new();
            validate_ephemeral_update(&at(&new), &at(&old), &mut errors);
            words(&errors)
        };
        let (a, b) = (json!({"name": "a", "image": "a:1"}), json!({"name": "b"}));
        assert_eq!(wrong(json!({"ephemeralContainers": [a, b]})), [""; 0]);
        for (new, done) in [
            (json!({}), "removed"),
            (
                json!({"ephemeralContainers": [{"name": "a", "image": "a:2"}]}),
                "changed",
            ),
        ] {
            let words = format!(
                "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"a\" may not be {done}"
            );
            assert_eq!(wrong(new), [words]);
        }
    }

    #[test]
    fn what_may_not_change() {
        assert_eq!(
            wrong(|spec| spec["containers"][0]["command"] = json!(["x"])),
            [REFUSED]
        );
        assert_eq!(wrong(|spec| spec["nodeName"] = "n1".into()), [REFUSED]);
        assert_eq!(
            wrong(|spec| spec["terminationGracePeriodSeconds"] = 1.into()),
            [REFUSED]
        );
        assert_eq!(
            wrong(|spec| spec["containers"] = json!([])),
            ["spec.containers: Forbidden: pod updates may not add or remove containers"]
        );
        assert_eq!(
            wrong(|spec| spec["activeDeadlineSeconds"] = 61.into()),
            [
                "spec.activeDeadlineSeconds: Invalid value: 61: must be less than or equal to previous value"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["tolerations"] = json!([])),
            [
                "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["schedulingGates"] = json!([{"name": "a"}])),
            [
                "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a'"
            ]
        );
    }
}
