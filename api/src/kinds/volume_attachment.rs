//! VolumeAttachments.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        subresources: describe::status(),
        ..describe::cluster(
            describe::STORAGE,
            "VolumeAttachment",
            "volumeattachments",
            VolumeAttachment,
        )
    }
}

pub(super) struct VolumeAttachment;

impl Strategy for VolumeAttachment {
    fn validate(&self, attachment: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(attachment).get("spec");
        checks::required(&spec.get("attacher"), &mut errors);
        checks::required(&spec.get("nodeName"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new), Field::root(old));
        checks::immutable(&new.get("spec"), &old.get("spec"), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Attacher", "string"),
            Column::new("PV", "string"),
            Column::new("Node", "string"),
            Column::new("Attached", "boolean"),
            cells::age_column(),
        ]
    }

    fn cells(&self, attachment: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(attachment),
            text(attachment, "/spec/attacher").into(),
            text(attachment, "/spec/source/persistentVolumeName").into(),
            text(attachment, "/spec/nodeName").into(),
            (attachment["status"]["attached"] == true).into(),
            cells::age(attachment, now),
        ]
    }
}
