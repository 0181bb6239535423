//! A claim without a class gets the default one.

use serde_json::Value;
use skiff_api::metadata;
use skiff_store::Snapshot;

const PREFIX: &str = "/registry/storage.k8s.io/storageclasses/";
const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
/// The annotation that named the class before there was a field.
const OLD_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) fn admit(snapshot: &Snapshot, claim: &mut Value) {
    let has_class = !claim["spec"]["storageClassName"].is_null()
        || metadata::annotation(claim, OLD_CLASS).is_some();
    if !has_class && let Some(class) = default_class(snapshot) {
        claim["spec"]["storageClassName"] = class.into();
    }
}

/// The default class; of several the newest, then the first by name.
fn default_class(snapshot: &Snapshot) -> Option<String> {
    let mut best: Option<(String, String)> = None;
    for entry in snapshot.range(PREFIX, None) {
        let Ok(class) = serde_json::from_slice::<Value>(&entry.value) else {
            continue;
        };
        if metadata::annotation(&class, IS_DEFAULT) != Some("true") {
            continue;
        }
        let created = metadata::creation_timestamp(&class).unwrap_or_default();
        if best
            .as_ref()
            .is_none_or(|(newest, _)| created > newest.as_str())
        {
            best = Some((created.to_owned(), metadata::name(&class).to_owned()));
        }
    }
    best.map(|(_, name)| name)
}
