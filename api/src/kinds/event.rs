//! Events of core/v1, as components report what they did.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::{or, since, text};
use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, names};

const MAX_REASON_BYTES: usize = 128;
const MAX_NOTE_BYTES: usize = 1024;

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("ev"),
        ..describe::namespaced(describe::CORE, "Event", "events", Event)
    }
}

pub(super) struct Event;

impl Strategy for Event {
    fn validate(&self, event: &Value) -> Errors {
        let mut errors = Errors::new();
        let event = Field::root(event);
        namespace(&event, &mut errors);
        if event.get("eventTime").is_set() {
            with_event_time(&event, &mut errors);
        }
        errors
    }

    fn selectable_field(&self, event: &Value, field: &str) -> Option<String> {
        const ABOUT: [&str; 7] = [
            "apiVersion",
            "fieldPath",
            "kind",
            "name",
            "namespace",
            "resourceVersion",
            "uid",
        ];
        let about = field.strip_prefix("involvedObject.");
        let value = match (about, field) {
            (Some(part), _) => ABOUT
                .contains(&part)
                .then(|| &event["involvedObject"][part])?,
            (None, "reason" | "type" | "reportingComponent") => &event[field],
            (None, "source") if event["source"]["component"].is_string() => {
                &event["source"]["component"]
            }
            (None, "source") => &event["reportingComponent"],
            _ => return None,
        };
        Some(value.as_str().unwrap_or_default().to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        let mut name = cells::name_column();
        name.priority = 1;
        vec![
            Column::new("Last Seen", "string"),
            Column::new("Type", "string"),
            Column::new("Reason", "string"),
            Column::new("Object", "string"),
            Column::wide("Subobject", "string"),
            Column::wide("Source", "string"),
            Column::new("Message", "string"),
            Column::wide("First Seen", "string"),
            Column::wide("Count", "string"),
            name,
        ]
    }

    fn cells(&self, event: &Value, now: Timestamp) -> Vec<Value> {
        let (first, last, count) = seen(event, now);
        vec![
            last.into(),
            text(event, "/type").into(),
            text(event, "/reason").into(),
            about(event).into(),
            text(event, "/involvedObject/fieldPath").into(),
            source(event).into(),
            text(event, "/message").trim().into(),
            first.into(),
            count.into(),
            cells::name(event),
        ]
    }
}

/// An event stands beside its object; those of cluster-wide objects stand in `default` or `kube-system`.
fn namespace(event: &Field<'_>, errors: &mut Errors) {
    let own = event.get("metadata").get("namespace").str();
    let about = event.get("involvedObject").get("namespace");
    let sound = match about.str() {
        "" => matches!(own, "" | "default" | "kube-system"),
        namespace => namespace == own,
    };
    if !sound {
        let words = "does not match event.namespace";
        errors.push(crate::field::Error::invalid(
            about.path(),
            about.str(),
            words,
        ));
    }
}

/// What an event of the newer form (KEP-383) must have.
fn with_event_time(event: &Field<'_>, errors: &mut Errors) {
    checks::required_name(
        &event.get("reportingComponent"),
        names::qualified_name,
        errors,
    );
    for (field, max_bytes) in [
        ("reportingInstance", MAX_REASON_BYTES),
        ("action", MAX_REASON_BYTES),
        ("reason", MAX_REASON_BYTES),
    ] {
        let field = event.get(field);
        checks::required(&field, errors);
        at_most(&field, max_bytes, errors);
    }
    at_most(&event.get("message"), MAX_NOTE_BYTES, errors);
}

fn at_most(field: &Field<'_>, max_bytes: usize, errors: &mut Errors) {
    if field.str().len() > max_bytes {
        errors.push(field.invalid(format!("can have at most {max_bytes} characters")));
    }
}

/// When it was seen first and last, and how often: an event of the older form counts itself, one of the newer
/// form is a series.
fn seen(event: &Value, now: Timestamp) -> (String, String, i64) {
    let first_time = match &event["firstTimestamp"] {
        Value::Null => &event["eventTime"],
        time => time,
    };
    let first = since(first_time, now);
    let series = &event["series"];
    if series.is_object() {
        let last = since(&series["lastObservedTime"], now);
        return (first, last, cells::number(series, "/count"));
    }
    let last = match &event["lastTimestamp"] {
        Value::Null => first.clone(),
        time => since(time, now),
    };
    (first, last, cells::number(event, "/count").max(1))
}

fn about(event: &Value) -> String {
    let kind = text(event, "/involvedObject/kind").to_lowercase();
    let name = text(event, "/involvedObject/name");
    match kind.as_str() {
        "" => name.to_owned(),
        kind => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let component = or(
        text(event, "/source/component"),
        text(event, "/reportingComponent"),
    );
    let host = or(
        text(event, "/source/host"),
        text(event, "/reportingInstance"),
    );
    match host {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    fn event() -> Value {
        json!({
            "metadata": {"name": "web.1", "namespace": "shop"},
            "involvedObject": {"kind": "Pod", "name": "web", "namespace": "shop", "fieldPath": "spec.containers{a}"},
            "type": "Normal", "reason": "Started", "message": "Started container a\n",
            "source": {"component": "kubelet", "host": "n1"},
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:04:00Z", "count": 3,
        })
    }

    #[test]
    fn an_event_in_the_list() {
        let row = [
            ("Last Seen", json!("60s")),
            ("Type", json!("Normal")),
            ("Reason", json!("Started")),
            ("Object", json!("pod/web")),
            ("Subobject", json!("spec.containers{a}")),
            ("Source", json!("kubelet, n1")),
            ("Message", json!("Started container a")),
            ("First Seen", json!("5m")),
            ("Count", json!(3)),
            ("Name", json!("web.1")),
        ];
        assert_row(&Event, &event(), &row);
    }

    #[test]
    fn an_event_of_the_newer_form() {
        let event = json!({
            "eventTime": "2026-01-01T00:04:00.000000Z", "firstTimestamp": null, "lastTimestamp": null,
            "reportingComponent": "skiff.example/scheduler", "reportingInstance": "n1",
        });
        let now = "2026-01-01T00:05:00Z".parse().expect("a timestamp");
        assert_eq!(seen(&event, now), ("60s".to_owned(), "60s".to_owned(), 1));
        assert_eq!(source(&event), "skiff.example/scheduler, n1");
        let expected = ["reportingInstance", "action", "reason"]
            .map(|field| format!("{field}: Required value"));
        let mut event = event;
        event["reportingInstance"] = Value::Null;
        assert_eq!(create_errors(&Event, &event), expected);
    }

    #[test]
    fn an_event_stands_beside_its_object() {
        assert_eq!(create_errors(&Event, &event()), [""; 0]);
        let mut elsewhere = event();
        elsewhere["metadata"]["namespace"] = "default".into();
        assert_eq!(
            create_errors(&Event, &elsewhere),
            ["involvedObject.namespace: Invalid value: \"shop\": does not match event.namespace"]
        );
    }

    #[test]
    fn events_are_selected_by_their_object() {
        let event = event();
        let field = |name: &str| Event.selectable_field(&event, name);
        assert_eq!(field("involvedObject.name").as_deref(), Some("web"));
        assert_eq!(field("involvedObject.uid").as_deref(), Some(""));
        assert_eq!(field("source").as_deref(), Some("kubelet"));
        assert_eq!(field("involvedObject.color"), None);
    }
}
