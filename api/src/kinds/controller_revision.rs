//! ControllerRevisions, the history of StatefulSets and DaemonSets.

use jiff::Timestamp;
use serde_json::Value;

use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::namespaced(
        describe::APPS,
        "ControllerRevision",
        "controllerrevisions",
        ControllerRevision,
    )
}

pub(super) struct ControllerRevision;

impl Strategy for ControllerRevision {
    fn validate(&self, revision: &Value) -> Errors {
        let mut errors = Errors::new();
        let revision = Field::root(revision);
        checks::non_negative(&revision.get("revision"), &mut errors);
        let data = revision.get("data");
        if !data.is_set() {
            errors.push(data.required("data is mandatory"));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|object| Field::root(object).get("data"));
        checks::immutable(&new, &old, &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Controller", "string"),
            Column::new("Revision", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, revision: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(revision),
            controller(revision).into(),
            cells::number(revision, "/revision").into(),
            cells::age(revision, now),
        ]
    }
}

/// The owner that controls it, as `statefulset.apps/web`.
fn controller(revision: &Value) -> String {
    let owners = cells::items(revision, "/metadata/ownerReferences").iter();
    let Some(owner) = owners.into_iter().find(|owner| owner["controller"] == true) else {
        return cells::NONE.to_owned();
    };
    let kind = cells::text(owner, "/kind").to_lowercase();
    let name = cells::text(owner, "/name");
    match cells::text(owner, "/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, update_errors};

    fn revision() -> Value {
        let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": true});
        json!({
            "metadata": {
                "name": "web-1", "creationTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": [owner],
            },
            "revision": 2, "data": {"spec": {}},
        })
    }

    #[test]
    fn a_revision_in_the_list() {
        let row = [
            ("Name", json!("web-1")),
            ("Controller", json!("statefulset.apps/web")),
            ("Revision", json!(2)),
            ("Age", json!("5m")),
        ];
        assert_row(&ControllerRevision, &revision(), &row);
    }

    #[test]
    fn history_does_not_change() {
        let mut new = revision();
        new["data"] = json!({"spec": 1});
        new["revision"] = 3.into();
        assert_eq!(
            update_errors(&ControllerRevision, &revision(), &new),
            ["data: Invalid value: {\"spec\":1}: field is immutable"]
        );
        assert_eq!(create_errors(&ControllerRevision, &revision()), [""; 0]);
    }
}
