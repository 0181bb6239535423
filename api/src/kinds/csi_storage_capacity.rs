//! CSIStorageCapacities.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::namespaced(
        describe::STORAGE,
        "CSIStorageCapacity",
        "csistoragecapacities",
        CsiStorageCapacity,
    )
}

pub(super) struct CsiStorageCapacity;

impl Strategy for CsiStorageCapacity {
    fn validate(&self, capacity: &Value) -> Errors {
        let mut errors = Errors::new();
        checks::required(&Field::root(capacity).get("storageClassName"), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("StorageClassName", "string"),
            Column::new("Capacity", "string"),
        ]
    }

    fn cells(&self, capacity: &Value, _: Timestamp) -> Vec<Value> {
        vec![
            cells::name(capacity),
            text(capacity, "/storageClassName").into(),
            text(capacity, "/capacity").into(),
        ]
    }
}
