//! CSINodes.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::items;
use super::common::{cells, describe};
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::cluster(describe::STORAGE, "CSINode", "csinodes", CsiNode)
}

pub(super) struct CsiNode;

impl Strategy for CsiNode {
    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Drivers", "integer"),
            cells::age_column(),
        ]
    }

    fn cells(&self, node: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(node),
            items(node, "/spec/drivers").len().into(),
            cells::age(node, now),
        ]
    }
}
