//! What is to be done so that objects are again as they were. Pure: states in, steps out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::diff::is_same;

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Create(Value),
    Update(Value),
    /// Holds the object as it is now.
    Delete(Value),
}

impl Step {
    /// The name of its object.
    pub(super) fn name(&self) -> &str {
        let (Self::Create(object) | Self::Update(object) | Self::Delete(object)) = self;
        name_of(object)
    }
}

/// The steps from the objects of one resource and namespace `now` to those `then`, by name. What others own is left
/// to its owners, who make it anew; what is on its way out then or now counts as gone or is let go.
pub(super) fn plan(then: Vec<Value>, now: Vec<Value>) -> Vec<Step> {
    let mut now: BTreeMap<String, Value> = now
        .into_iter()
        .filter(is_ours)
        .map(|object| (name_of(&object).to_owned(), object))
        .collect();
    let mut steps = Vec::new();
    for object in then.into_iter().filter(is_ours).filter(|it| !is_ending(it)) {
        match now.remove(name_of(&object)) {
            None => steps.push(Step::Create(as_new(object))),
            Some(current) => steps.extend(update(object, &current)),
        }
    }
    let added = now.into_values().filter(|object| !is_ending(object));
    steps.extend(added.map(Step::Delete));
    steps
}

fn update(then: Value, now: &Value) -> Option<Step> {
    let mut wanted = without_history(then);
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        wanted["metadata"][field] = now["metadata"][field].clone();
    }
    let spoken = |object: &Value| {
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        object
    };
    (!is_same(&spoken(&wanted), &spoken(now))).then_some(Step::Update(wanted))
}

/// Without what the API server and the controllers gave to the object that is gone.
fn as_new(object: Value) -> Value {
    let mut object = without_history(object);
    let mut remove = |parent: &str, fields: &[&str]| {
        if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.retain(|name, _| !fields.contains(&name.as_str()));
        }
    };
    remove(
        "/metadata",
        &["uid", "resourceVersion", "creationTimestamp", "selfLink"],
    );
    // The scheduler and the binder choose again: nodes and volumes of that time may be gone.
    remove("/spec", &["nodeName", "volumeName"]);
    remove(
        "/metadata/annotations",
        &[
            "pv.kubernetes.io/bind-completed",
            "pv.kubernetes.io/bound-by-controller",
            "volume.kubernetes.io/selected-node",
        ],
    );
    remove("", &["status"]);
    object
}

fn without_history(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        metadata.remove("generation");
    }
    object
}

fn is_ours(object: &Value) -> bool {
    let has_owner = object["metadata"]["ownerReferences"]
        .as_array()
        .is_some_and(|owners| !owners.is_empty());
    // Such a token is good for the account of that time alone.
    !has_owner && object["type"] != "kubernetes.io/service-account-token"
}

fn is_ending(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(name: &str, revision: &str, value: i32) -> Value {
        json!({
            "metadata": {
                "name": name, "uid": format!("u{revision}"), "resourceVersion": revision,
                "creationTimestamp": "2026-01-01T10:00:00Z", "managedFields": [{"manager": "m"}],
            },
            "data": {"value": value},
            "status": {"seen": revision},
        })
    }

    #[test]
    fn what_changed_is_changed_back() {
        let steps = plan(vec![object("a", "1", 1)], vec![object("a", "2", 2)]);
        let mut expected = object("a", "2", 1);
        expected["status"]["seen"] = json!("1");
        expected["metadata"]
            .as_object_mut()
            .map(|it| it.remove("managedFields"));
        assert_eq!(steps, [Step::Update(expected)]);
    }

    #[test]
    fn what_is_the_same_but_for_its_status_is_left() {
        assert_eq!(
            plan(vec![object("a", "1", 1)], vec![object("a", "2", 1)]),
            []
        );
    }

    #[test]
    fn what_is_gone_is_made_anew_and_what_came_goes() {
        let mut claim = object("a", "1", 1);
        claim["spec"] = json!({"volumeName": "pv-1", "storageClassName": "standard"});
        claim["metadata"]["annotations"] =
            json!({"pv.kubernetes.io/bind-completed": "yes", "mine": "x"});
        let steps = plan(vec![claim], vec![object("b", "2", 1)]);
        let made = json!({
            "metadata": {"name": "a", "annotations": {"mine": "x"}},
            "spec": {"storageClassName": "standard"},
            "data": {"value": 1},
        });
        assert_eq!(
            steps,
            [Step::Create(made), Step::Delete(object("b", "2", 1))]
        );
    }

    #[test]
    fn what_others_own_is_left_to_them() {
        let owned = |name: &str| {
            let mut object = object(name, "1", 1);
            object["metadata"]["ownerReferences"] = json!([{"kind": "ReplicaSet", "name": "web"}]);
            object
        };
        assert_eq!(plan(vec![owned("a")], vec![owned("b")]), []);
        let mut ending = object("a", "1", 1);
        ending["metadata"]["deletionTimestamp"] = json!("2026-01-01T11:00:00Z");
        assert_eq!(plan(vec![ending.clone()], vec![]), []);
        assert_eq!(plan(vec![], vec![ending]), []);
    }
}
