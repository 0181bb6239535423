//! What PersistentVolumes and their claims share.

use serde_json::Value;

use super::common::Field;
use super::common::checks;
use crate::field::Errors;

const ACCESS_MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// What is wrong with access modes; a list that must not be empty.
pub(super) fn access_modes(modes: &Field<'_>, when_empty: &str, errors: &mut Errors) {
    if modes.is_empty() {
        errors.push(modes.required(when_empty));
    }
    for mode in modes.items() {
        if !ACCESS_MODES.contains(&mode.str()) {
            let mode = Field::at(modes.path().clone(), mode.value());
            errors.push(mode.not_supported(ACCESS_MODES));
        }
    }
    let single = |mode: Field<'_>| mode.str() == "ReadWriteOncePod";
    if modes.len() > 1 && modes.items().any(single) {
        errors.push(modes.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
}

/// What is wrong with a volume mode.
pub(super) fn volume_mode(mode: &Field<'_>, errors: &mut Errors) {
    checks::one_of_if_set(mode, &["Block", "Filesystem"], errors);
}

/// The phase as `kubectl get` shows it.
pub(super) fn phase(object: &Value) -> &str {
    match object["metadata"]["deletionTimestamp"].is_string() {
        true => "Terminating",
        false => object["status"]["phase"].as_str().unwrap_or_default(),
    }
}
