//! ResourceSlices: the devices of a driver's pool.

use jiff::Timestamp;
use serde_json::Value;

use super::selectors;
use crate::field::Errors;
use crate::kinds::common::cells::text;
use crate::kinds::common::checks::Seen;
use crate::kinds::common::{Field, cells, checks};
use crate::{Column, Strategy, names};

/// The most devices of a slice.
const MAX_DEVICES: usize = 128;
/// Where the devices of a slice can be reached: one of these is said.
const PLACES: [&str; 4] = [
    "nodeName",
    "nodeSelector",
    "allNodes",
    "perDeviceNodeSelection",
];

pub(super) struct ResourceSlice;

impl Strategy for ResourceSlice {
    fn validate(&self, slice: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(slice).get("spec");
        selectors::driver(&spec.get("driver"), &mut errors);
        let pool = spec.get("pool");
        checks::required(&pool.get("name"), &mut errors);
        checks::non_negative(&pool.get("generation"), &mut errors);
        let count = pool.get("resourceSliceCount");
        if count.int().unwrap_or_default() <= 0 {
            errors.push(count.invalid("must be greater than zero"));
        }
        place(&spec, &mut errors);
        devices(&spec.get("devices"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|slice| Field::root(slice).get("spec"));
        for field in ["driver", "nodeName"] {
            checks::immutable(&new.get(field), &old.get(field), &mut errors);
        }
        let [new, old] = [new, old].map(|spec| spec.get("pool").get("name"));
        checks::immutable(&new, &old, &mut errors);
        errors
    }

    fn selectable_field(&self, slice: &Value, field: &str) -> Option<String> {
        let pointer = match field {
            "spec.nodeName" => "/spec/nodeName",
            "spec.driver" => "/spec/driver",
            _ => return None,
        };
        Some(text(slice, pointer).to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Node", "string"),
            Column::new("Driver", "string"),
            Column::new("Pool", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, slice: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(slice),
            text(slice, "/spec/nodeName").into(),
            text(slice, "/spec/driver").into(),
            text(slice, "/spec/pool/name").into(),
            cells::age(slice, now),
        ]
    }
}

fn place(spec: &Field<'_>, errors: &mut Errors) {
    let said = |name: &&&str| {
        let field = spec.get(name);
        field.is_set() && field.value() != &Value::Bool(false) && !field.is_empty()
    };
    let words = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    match PLACES.iter().filter(said).count() {
        0 => errors.push(spec.required(words)),
        1 => {}
        _ => errors.push(spec.invalid(words)),
    }
}

fn devices(devices: &Field<'_>, errors: &mut Errors) {
    selectors::at_most(devices, MAX_DEVICES, errors);
    let mut seen = Seen::new();
    for device in devices.items() {
        let name = device.get("name");
        checks::required_name(&name, names::dns_label, errors);
        seen.add(name.str(), &name, errors);
        for (_, attribute) in device.get("attributes").entries() {
            if attribute.len() != 1 {
                errors.push(attribute.invalid("exactly one value must be specified"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    fn slice() -> Value {
        json!({
            "metadata": {"name": "n1-gpu", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "driver": "gpu.example.com", "nodeName": "n1",
                "pool": {"name": "n1", "generation": 1, "resourceSliceCount": 1},
                "devices": [{"name": "gpu-0", "attributes": {"model": {"string": "x"}}}],
            },
        })
    }

    #[test]
    fn a_slice_in_the_list() {
        let row = [
            ("Name", json!("n1-gpu")),
            ("Node", json!("n1")),
            ("Driver", json!("gpu.example.com")),
            ("Pool", json!("n1")),
            ("Age", json!("5m")),
        ];
        assert_row(&ResourceSlice, &slice(), &row);
        let field = |field| ResourceSlice.selectable_field(&slice(), field);
        assert_eq!(field("spec.driver").as_deref(), Some("gpu.example.com"));
        assert_eq!(field("spec.pool"), None);
    }

    #[test]
    fn what_drivers_get_wrong() {
        let mut wrong = slice();
        wrong["spec"]["allNodes"] = true.into();
        wrong["spec"]["devices"] =
            json!([{"name": "gpu-0"}, {"name": "gpu-0", "attributes": {"model": {}}}]);
        wrong["spec"]["pool"]["resourceSliceCount"] = 0.into();
        let errors = create_errors(&ResourceSlice, &wrong);
        assert_eq!(
            errors[0],
            "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero"
        );
        assert!(
            errors[1].ends_with("`perDeviceNodeSelection` is required"),
            "{errors:?}"
        );
        assert_eq!(
            errors[2..],
            [
                "spec.devices[1].name: Duplicate value: \"gpu-0\"",
                "spec.devices[1].attributes[model]: Invalid value: {}: exactly one value must be specified",
            ]
        );
    }
}
