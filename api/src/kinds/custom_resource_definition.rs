//! CustomResourceDefinitions: listed, for clients look there for a kind that they do not know, but none can be made yet.

use jiff::Timestamp;
use serde_json::Value;

use super::common::{cells, describe};
use crate::{Column, Descriptor, Strategy, Verb};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: vec!["crd".into(), "crds".into()],
        categories: vec!["api-extensions".into()],
        verbs: vec![Verb::Get, Verb::List, Verb::Watch],
        ..describe::cluster(
            describe::API_EXTENSIONS,
            "CustomResourceDefinition",
            "customresourcedefinitions",
            CustomResourceDefinition,
        )
    }
}

struct CustomResourceDefinition;

impl Strategy for CustomResourceDefinition {
    fn columns(&self) -> Vec<Column> {
        vec![cells::name_column(), Column::new("Created At", "date")]
    }

    fn cells(&self, definition: &Value, _now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(definition),
            definition["metadata"]["creationTimestamp"].clone(),
        ]
    }
}
