//! StorageClasses.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::defaults::default_to;
use super::common::{Field, cells, checks, describe, same};
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy, metadata, names};

/// Marks the class of claims that name none.
const IS_DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
const MAX_PARAMETERS: usize = 512;

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("sc"),
        ..describe::cluster(
            describe::STORAGE,
            "StorageClass",
            "storageclasses",
            StorageClass,
        )
    }
}

pub(super) struct StorageClass;

impl Strategy for StorageClass {
    fn default(&self, class: &mut Value) {
        default_to(class, "reclaimPolicy", "Delete");
        default_to(class, "volumeBindingMode", "Immediate");
    }

    fn validate(&self, class: &Value) -> Errors {
        let mut errors = Errors::new();
        let class = Field::root(class);
        let provisioner = class.get("provisioner");
        checks::required(&provisioner, &mut errors);
        let wrong = names::qualified_name(&provisioner.str().to_lowercase());
        if !provisioner.is_empty() {
            errors.extend(provisioner.invalid_each(wrong));
        }
        parameters(&class.get("parameters"), &mut errors);
        let reclaim = class.get("reclaimPolicy");
        checks::one_of(&reclaim, &["Delete", "Retain"], &mut errors);
        let binding = class.get("volumeBindingMode");
        checks::one_of(
            &binding,
            &["Immediate", "WaitForFirstConsumer"],
            &mut errors,
        );
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new), Field::root(old));
        for field in ["parameters", "provisioner", "reclaimPolicy"] {
            let new = new.get(field);
            if !same(new.value(), old.get(field).value()) {
                errors.push(new.forbidden(format!("updates to {field} are forbidden.")));
            }
        }
        let mode = "volumeBindingMode";
        checks::immutable(&new.get(mode), &old.get(mode), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Provisioner", "string"),
            Column::new("ReclaimPolicy", "string"),
            Column::new("VolumeBindingMode", "string"),
            Column::new("AllowVolumeExpansion", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, class: &Value, now: Timestamp) -> Vec<Value> {
        let name = metadata::name(class);
        let name = match is_default(class) {
            true => format!("{name} (default)"),
            false => name.to_owned(),
        };
        vec![
            name.into(),
            text(class, "/provisioner").into(),
            text(class, "/reclaimPolicy").into(),
            text(class, "/volumeBindingMode").into(),
            (class["allowVolumeExpansion"] == true).into(),
            cells::age(class, now),
        ]
    }
}

fn is_default(class: &Value) -> bool {
    let says_so = |key: &&str| metadata::annotation(class, key) == Some("true");
    IS_DEFAULT.iter().any(says_so)
}

fn parameters(parameters: &Field<'_>, errors: &mut Errors) {
    if parameters.len() > MAX_PARAMETERS {
        errors.push(Error::too_many(
            parameters.path(),
            parameters.len(),
            MAX_PARAMETERS,
        ));
    }
    for _ in parameters.entries().filter(|(key, _)| key.is_empty()) {
        errors.push(Error::invalid(
            parameters.path(),
            "",
            "field can not be empty.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    #[test]
    fn a_class_in_the_list() {
        let class = json!({
            "metadata": {
                "name": "standard", "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "example.com/disk",
        });
        let row = [
            ("Name", json!("standard (default)")),
            ("Provisioner", json!("example.com/disk")),
            ("ReclaimPolicy", json!("Delete")),
            ("VolumeBindingMode", json!("Immediate")),
            ("AllowVolumeExpansion", json!(false)),
            ("Age", json!("5m")),
        ];
        assert_row(&StorageClass, &created(&StorageClass, &class), &row);
    }

    #[test]
    fn what_users_get_wrong() {
        assert_eq!(
            create_errors(&StorageClass, &json!({})),
            ["provisioner: Required value"]
        );
        assert_eq!(
            create_errors(
                &StorageClass,
                &json!({"provisioner": "a", "reclaimPolicy": "Keep"})
            ),
            [
                "reclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Retain\""
            ]
        );
        let old = json!({"provisioner": "a"});
        let new = json!({"provisioner": "b", "volumeBindingMode": "WaitForFirstConsumer"});
        assert_eq!(
            update_errors(&StorageClass, &old, &new),
            [
                "provisioner: Forbidden: updates to provisioner are forbidden.",
                "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
            ]
        );
    }
}
