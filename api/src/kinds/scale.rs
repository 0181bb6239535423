//! Scales: the count of a workload by itself, which its `scale` subresource shows.

use jiff::Timestamp;
use serde_json::Value;

use super::common::{cells, describe};
use crate::{Column, Descriptor, Strategy};

/// What a Scale is called, and its row. It is no kind of its own: nothing of it is stored.
pub fn scale() -> Descriptor {
    describe::namespaced(describe::AUTOSCALING, "Scale", "scales", Scale)
}

struct Scale;

impl Strategy for Scale {
    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Desired", "integer"),
            Column::new("Available", "integer"),
            cells::age_column(),
        ]
    }

    fn cells(&self, scale: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(scale),
            cells::number(scale, "/spec/replicas").into(),
            cells::number(scale, "/status/replicas").into(),
            cells::age(scale, now),
        ]
    }
}
