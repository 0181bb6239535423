//! VolumeAttributesClasses: what a driver may change of a volume that is there.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("vac"),
        ..describe::cluster(
            describe::STORAGE,
            "VolumeAttributesClass",
            "volumeattributesclasses",
            VolumeAttributesClass,
        )
    }
}

pub(super) struct VolumeAttributesClass;

impl Strategy for VolumeAttributesClass {
    fn validate(&self, class: &Value) -> Errors {
        let mut errors = Errors::new();
        let class = Field::root(class);
        checks::required_name(
            &class.get("driverName"),
            |name| names::dns_subdomain(&name.to_lowercase()),
            &mut errors,
        );
        let parameters = class.get("parameters");
        if parameters.is_empty() {
            errors.push(parameters.required("must contain at least one key/value pair"));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new), Field::root(old));
        for field in ["driverName", "parameters"] {
            checks::immutable(&new.get(field), &old.get(field), &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("DriverName", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, class: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(class),
            text(class, "/driverName").into(),
            cells::age(class, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{create_errors, update_errors};

    #[test]
    fn a_class_says_what_it_changes_and_stays() {
        let class =
            |iops: &str| json!({"driverName": "disk.example.com", "parameters": {"iops": iops}});
        assert_eq!(
            create_errors(&VolumeAttributesClass, &class("1000")),
            [""; 0]
        );
        assert_eq!(
            create_errors(&VolumeAttributesClass, &json!({})),
            [
                "driverName: Required value",
                "parameters: Required value: must contain at least one key/value pair",
            ]
        );
        assert_eq!(
            update_errors(&VolumeAttributesClass, &class("1000"), &class("2000")),
            ["parameters: Invalid value: {\"iops\":\"2000\"}: field is immutable"]
        );
    }
}
