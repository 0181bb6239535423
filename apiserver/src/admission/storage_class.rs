//! A claim without a class gets the default one.

use serde_json::Value;
use skiff_api::metadata;
use skiff_store::Snapshot;

use super::default_class::default_class;

const PREFIX: &str = "/registry/storage.k8s.io/storageclasses/";
const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
/// The annotation that named the class before there was a field.
const OLD_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) fn admit(snapshot: &Snapshot, claim: &mut Value) {
    let has_class = !claim["spec"]["storageClassName"].is_null()
        || metadata::annotation(claim, OLD_CLASS).is_some();
    if !has_class && let Some(class) = default_class(snapshot, PREFIX, IS_DEFAULT) {
        claim["spec"]["storageClassName"] = class.into();
    }
}
