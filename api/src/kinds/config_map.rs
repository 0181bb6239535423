//! ConfigMaps.

use jiff::Timestamp;
use serde_json::Value;

use super::common::{Field, cells, describe};
use super::stored_data;
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("cm"),
        ..describe::namespaced(describe::CORE, "ConfigMap", "configmaps", ConfigMap)
    }
}

pub(super) struct ConfigMap;

impl Strategy for ConfigMap {
    fn validate(&self, config_map: &Value) -> Errors {
        let mut errors = Errors::new();
        let object = Field::root(config_map);
        let (data, bytes) = (object.get("data"), object.get("binaryData"));
        for key in data.keys().filter(|key| !bytes.value()[key].is_null()) {
            let words = "duplicate of key present in binaryData";
            errors.push(Error::invalid(&data.path().key(key), key, words));
        }
        stored_data::validate(&[data, bytes], &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new), Field::root(old));
        stored_data::validate_update(&new, &old, &["data", "binaryData"], &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Data", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, config_map: &Value, now: Timestamp) -> Vec<Value> {
        let entries =
            cells::entries(config_map, "/data") + cells::entries(config_map, "/binaryData");
        vec![
            cells::name(config_map),
            entries.into(),
            cells::age(config_map, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, update_errors};

    #[test]
    fn what_users_get_wrong() {
        let sound = json!({"data": {"app.conf": "x"}, "binaryData": {"logo": "AAEC"}});
        assert_eq!(create_errors(&ConfigMap, &sound), [""; 0]);
        assert_eq!(
            create_errors(
                &ConfigMap,
                &json!({"data": {"a": "x"}, "binaryData": {"a": "AAEC"}})
            ),
            ["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"]
        );
        let [error] = &create_errors(&ConfigMap, &json!({"data": {"a/b": "x"}}))[..] else {
            panic!("one error");
        };
        assert!(
            error.starts_with("data[a/b]: Invalid value: \"a/b\": a valid config key must"),
            "{error}"
        );
        let large = json!({"data": {"a": "x".repeat(1024 * 1024 + 1)}});
        assert_eq!(
            create_errors(&ConfigMap, &large),
            ["<nil>: Too long: may not be more than 1048576 bytes"]
        );
    }

    #[test]
    fn immutable_data_stays() {
        let old = json!({"data": {"a": "1"}, "immutable": true});
        assert_eq!(
            update_errors(&ConfigMap, &old, &json!({"data": {"a": "2"}})),
            [
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set",
            ]
        );
        assert_eq!(update_errors(&ConfigMap, &old, &old), [""; 0]);
    }

    #[test]
    fn a_config_map_in_the_list() {
        let object = json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "data": {"a": "1", "b": "2"}, "binaryData": {"c": "AAEC"},
        });
        assert_row(
            &ConfigMap,
            &object,
            &[
                ("Name", json!("a")),
                ("Data", json!(3)),
                ("Age", json!("5m")),
            ],
        );
    }
}
