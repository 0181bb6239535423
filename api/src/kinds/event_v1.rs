//! Events of events.k8s.io/v1: the newer form of core/v1's, in which they are stored (KEP-383).

use jiff::Timestamp;
use serde_json::Value;

use super::common::{Field, describe};
use super::event::Event;
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, StoredVersion, Strategy};

const API_VERSION: &str = "events.k8s.io/v1";
/// What a field is called here, and in core/v1.
const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];
/// Those that only the older form may set.
const DEPRECATED: [&str; 4] = [
    "deprecatedSource",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "deprecatedCount",
];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("ev"),
        ..describe::namespaced(describe::EVENTS, "Event", "events", EventV1)
    }
}

pub(super) struct EventV1;

impl Strategy for EventV1 {
    fn stored_version(&self) -> Option<&dyn StoredVersion> {
        Some(self)
    }

    fn validate(&self, event: &Value) -> Errors {
        Event.validate(&self.to_stored(event.clone()))
    }

    fn validate_create(&self, event: &Value) -> Errors {
        let mut errors = Errors::new();
        let event = Field::root(event);
        if !event.get("eventTime").is_set() {
            errors.push(event.get("eventTime").required(""));
        }
        let kind = event.get("type");
        if !["Normal", "Warning"].contains(&kind.str()) {
            let words = format!("has invalid value: {}", kind.str());
            errors.push(Error::invalid(kind.path(), "", words));
        }
        for field in DEPRECATED.map(|field| event.get(field)) {
            if !field.is_empty() && field.int() != Some(0) {
                errors.push(Error::invalid(field.path(), "", "needs to be unset"));
            }
        }
        errors
    }

    fn selectable_field(&self, event: &Value, field: &str) -> Option<String> {
        let stored = &self.to_stored(event.clone());
        match field.strip_prefix("regarding.") {
            Some(part) => Event.selectable_field(stored, &format!("involvedObject.{part}")),
            None if field == "reportingController" => {
                Event.selectable_field(stored, "reportingComponent")
            }
            None if matches!(field, "reason" | "type") => Event.selectable_field(stored, field),
            None => None,
        }
    }

    fn columns(&self) -> Vec<Column> {
        Event.columns()
    }

    fn cells(&self, event: &Value, now: Timestamp) -> Vec<Value> {
        Event.cells(&self.to_stored(event.clone()), now)
    }
}

impl StoredVersion for EventV1 {
    fn group(&self) -> &'static str {
        ""
    }

    fn to_stored(&self, object: Value) -> Value {
        renamed(object, "v1", &NAMES)
    }

    fn of_stored(&self, stored: Value) -> Value {
        renamed(stored, API_VERSION, &NAMES.map(|(here, core)| (core, here)))
    }
}

/// The event with its fields under their other names.
fn renamed(mut event: Value, api_version: &str, names: &[(&str, &str)]) -> Value {
    if let Some(fields) = event.as_object_mut() {
        fields.insert("apiVersion".into(), api_version.into());
        for (from, to) in names {
            if let Some(value) = fields.remove(*from) {
                fields.insert((*to).to_owned(), value);
            }
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{create_errors, words};

    fn event() -> Value {
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": "web.1", "namespace": "shop"},
            "regarding": {"kind": "Pod", "name": "web", "namespace": "shop"},
            "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "Scheduled", "action": "Binding",
            "note": "Successfully assigned shop/web to n1",
            "reportingController": "default-scheduler", "reportingInstance": "n1",
        })
    }

    #[test]
    fn it_is_stored_in_the_older_form_and_comes_back() {
        let stored = EventV1.to_stored(event());
        assert_eq!(stored["apiVersion"], "v1");
        assert_eq!(stored["involvedObject"]["name"], "web");
        assert_eq!(stored["message"], "Successfully assigned shop/web to n1");
        assert_eq!(stored["reportingComponent"], "default-scheduler");
        assert_eq!(EventV1.of_stored(stored.clone()), event());
        let field = |field| EventV1.selectable_field(&stored, field);
        assert_eq!(field("regarding.name").as_deref(), Some("web"));
        assert_eq!(field("involvedObject.name"), None);
    }

    #[test]
    fn a_new_one_has_the_new_fields_alone() {
        assert_eq!(create_errors(&EventV1, &event()), [""; 0]);
        assert_eq!(words(&EventV1.validate_create(&event())), [""; 0]);
        let mut old = event();
        old["eventTime"] = Value::Null;
        old["type"] = "Odd".into();
        old["deprecatedCount"] = 3.into();
        assert_eq!(
            words(&EventV1.validate_create(&old)),
            [
                "eventTime: Required value",
                "type: Invalid value: \"\": has invalid value: Odd",
                "deprecatedCount: Invalid value: \"\": needs to be unset",
            ]
        );
    }
}
