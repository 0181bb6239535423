//! Metrics as annotations of this version have them, and as autoscaling/v2 has them.

use serde_json::{Value, json};

use crate::kinds::common::cells::text;

/// A field of a metric: its name here, and its place in autoscaling/v2, where `%` is `target` in a spec, `current` in a status.
type Moved = (&'static str, &'static str);

/// The types of metrics, the field that holds each, and what that has.
const METRICS: [(&str, &str, &[Moved]); 5] = [
    (
        "ContainerResource",
        "containerResource",
        &[NAME, ("container", "/container"), UTILIZATION, AVERAGE],
    ),
    (
        "External",
        "external",
        &[
            METRIC,
            ("metricSelector", "/metric/selector"),
            VALUE,
            AVERAGE,
        ],
    ),
    (
        "Object",
        "object",
        &[
            METRIC,
            ("selector", "/metric/selector"),
            ("target", "/describedObject"),
            VALUE,
            ("averageValue", "/%/averageValue"),
        ],
    ),
    (
        "Pods",
        "pods",
        &[METRIC, ("selector", "/metric/selector"), AVERAGE],
    ),
    ("Resource", "resource", &[NAME, UTILIZATION, AVERAGE]),
];
const NAME: Moved = ("name", "/name");
const METRIC: Moved = ("metricName", "/metric/name");
const VALUE: Moved = ("%Value", "/%/value");
const AVERAGE: Moved = ("%AverageValue", "/%/averageValue");
const UTILIZATION: Moved = ("%AverageUtilization", "/%/averageUtilization");

/// Whether a metric of autoscaling/v2 is the use of CPU, of which this version has a field.
pub(super) fn is_of_cpu(metric: &Value, side: &str) -> bool {
    text(metric, "/type") == "Resource"
        && text(metric, "/resource/name") == "cpu"
        && metric["resource"][side]["averageUtilization"].is_i64()
}

/// From which version to which.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    ToNewer,
    ToOlder,
}

/// A metric with what it has where the other version has it; of an unknown type no more than that.
pub(super) fn moved(metric: &Value, side: &str, way: Way) -> Value {
    let kind = text(metric, "/type");
    let mut moved = json!({"type": kind});
    let Some((_, field, parts)) = METRICS.iter().find(|(name, ..)| *name == kind) else {
        return moved;
    };
    for (older, newer) in *parts {
        let older = format!("/{}", older.replace('%', side));
        let newer = newer.replace('%', side);
        let (from, to) = match way {
            Way::ToNewer => (older, newer),
            Way::ToOlder => (newer, older),
        };
        if let Some(value) = metric[field].pointer(&from) {
            put(&mut moved[field], &to, value.clone());
        }
    }
    if side == "target" && way == Way::ToNewer {
        let target = &moved[field]["target"];
        let of = |part: &str| target.get(part).is_some();
        let kind = if of("averageUtilization") {
            "Utilization"
        } else if of("averageValue") {
            "AverageValue"
        } else {
            "Value"
        };
        put(&mut moved[field], "/target/type", kind.into());
    }
    moved
}

/// Puts a value at a JSON pointer, of which nothing but maps is there yet.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let parts = pointer.split('/').skip(1);
    *parts.fold(object, |place, part| &mut place[part]) = value;
}
