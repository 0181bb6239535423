//! The class of those that name none.

use serde_json::Value;
use skiff_api::metadata;
use skiff_store::Snapshot;

/// The class under `prefix` that an annotation marks; of several the newest, then the first by name.
pub(super) fn default_class(snapshot: &Snapshot, prefix: &str, annotation: &str) -> Option<String> {
    let mut best: Option<(String, String)> = None;
    for entry in snapshot.range(prefix, None) {
        let Ok(class) = serde_json::from_slice::<Value>(&entry.value) else {
            continue;
        };
        if metadata::annotation(&class, annotation) != Some("true") {
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
