//! CSIDrivers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{items, or};
use super::common::defaults::{default_to, ensure};
use super::common::{cells, describe};
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::cluster(describe::STORAGE, "CSIDriver", "csidrivers", CsiDriver)
}

pub(super) struct CsiDriver;

impl Strategy for CsiDriver {
    fn default(&self, driver: &mut Value) {
        let Some(spec) = ensure(driver, "spec") else {
            return;
        };
        default_to(spec, "attachRequired", true);
        default_to(spec, "podInfoOnMount", false);
        default_to(spec, "storageCapacity", false);
        default_to(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        default_to(spec, "volumeLifecycleModes", json!(["Persistent"]));
        default_to(spec, "requiresRepublish", false);
        default_to(spec, "seLinuxMount", false);
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("AttachRequired", "boolean"),
            Column::new("PodInfoOnMount", "boolean"),
            Column::new("StorageCapacity", "boolean"),
            Column::new("TokenRequests", "string"),
            Column::new("RequiresRepublish", "boolean"),
            Column::new("Modes", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, driver: &Value, now: Timestamp) -> Vec<Value> {
        let spec = &driver["spec"];
        let texts = |values: &[Value], field: Option<&str>| {
            let texts = values
                .iter()
                .map(|one| field.map_or(one, |field| &one[field]));
            let texts: Vec<&str> = texts.filter_map(Value::as_str).collect();
            texts.join(",")
        };
        let audiences = texts(items(spec, "/tokenRequests"), Some("audience"));
        vec![
            cells::name(driver),
            (spec["attachRequired"] == true).into(),
            (spec["podInfoOnMount"] == true).into(),
            (spec["storageCapacity"] == true).into(),
            or(&audiences, "<unset>").into(),
            (spec["requiresRepublish"] == true).into(),
            texts(items(spec, "/volumeLifecycleModes"), None).into(),
            cells::age(driver, now),
        ]
    }
}
