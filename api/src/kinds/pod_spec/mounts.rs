//! Where a container sees the Pod's volumes.

use std::collections::HashSet;

use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks;
use crate::kinds::common::paths;

const PROPAGATIONS: &[&str] = &["Bidirectional", "HostToContainer", "None"];

/// What is wrong with the mounts and devices of a container; `volumes` are the names that exist.
pub(super) fn validate(container: &Field<'_>, volumes: &HashSet<&str>, errors: &mut Errors) {
    let privileged = container.get("securityContext").get("privileged").is_true();
    let mut places = HashSet::new();
    for mount in container.get("volumeMounts").items() {
        volume_name(&mount, volumes, errors);
        place(&mount.get("mountPath"), &mut places, errors);
        sub_path(&mount, errors);
        propagation(&mount.get("mountPropagation"), privileged, errors);
        recursive_read_only(container, &mount, errors);
    }
    for device in container.get("volumeDevices").items() {
        volume_name(&device, volumes, errors);
        place(&device.get("devicePath"), &mut places, errors);
    }
}

fn volume_name(mount: &Field<'_>, volumes: &HashSet<&str>, errors: &mut Errors) {
    let name = mount.get("name");
    if name.is_empty() {
        errors.push(name.required(""));
    } else if !volumes.contains(name.str()) {
        errors.push(name.not_found());
    }
}

fn place<'a>(path: &Field<'a>, places: &mut HashSet<&'a str>, errors: &mut Errors) {
    if path.is_empty() {
        errors.push(path.required(""));
    } else if !places.insert(path.str()) {
        errors.push(path.invalid("must be unique"));
    }
}

fn sub_path(mount: &Field<'_>, errors: &mut Errors) {
    let (path, expression) = (mount.get("subPath"), mount.get("subPathExpr"));
    paths::local_path(&path, errors);
    paths::local_path(&expression, errors);
    if !path.is_empty() && !expression.is_empty() {
        errors.push(expression.invalid("subPathExpr and subPath are mutually exclusive"));
    }
}

fn propagation(propagation: &Field<'_>, privileged: bool, errors: &mut Errors) {
    checks::one_of_if_set(propagation, PROPAGATIONS, errors);
    if propagation.str() == "Bidirectional" && !privileged {
        let words = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(propagation.forbidden(words));
    }
}

/// What is mounted below is only read as well (KEP-3857).
fn recursive_read_only(container: &Field<'_>, mount: &Field<'_>, errors: &mut Errors) {
    // Kubernetes does not say which mount it is.
    let path = container.path().child("volumeMounts");
    let mode = mount.get("recursiveReadOnly");
    let mode = Field::at(path.child("recursiveReadOnly"), mode.value());
    checks::one_of_if_set(&mode, &["Disabled", "Enabled", "IfPossible"], errors);
    if !matches!(mode.str(), "Enabled" | "IfPossible") {
        return;
    }
    if !mount.get("readOnly").is_true() {
        errors.push(mode.forbidden("may only be specified when readOnly is true"));
    }
    if !matches!(mount.get("mountPropagation").str(), "" | "None") {
        let words = "may only be specified when mountPropagation is None or not specified";
        errors.push(mode.forbidden(words));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    #[test]
    fn what_users_get_wrong() {
        let container = json!({"volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "data", "mountPath": "/data", "subPath": "../x"},
            {"name": "other", "mountPath": "/other"},
            {"mountPropagation": "Bidirectional"},
            {"name": "data", "mountPath": "/deep", "recursiveReadOnly": "Enabled", "mountPropagation": "HostToContainer"},
        ]});
        let mut errors = Errors::new();
        validate(
            &Field::root(&container),
            &HashSet::from(["data"]),
            &mut errors,
        );
        let expected = [
            "volumeMounts[1].mountPath: Invalid value: \"/data\": must be unique",
            "volumeMounts[1].subPath: Invalid value: \"../x\": must not contain '..'",
            "volumeMounts[2].name: Not found: \"other\"",
            "volumeMounts[3].name: Required value",
            "volumeMounts[3].mountPath: Required value",
            "volumeMounts[3].mountPropagation: Forbidden: \
             Bidirectional mount propagation is available only to privileged containers",
            "volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
            "volumeMounts.recursiveReadOnly: Forbidden: \
             may only be specified when mountPropagation is None or not specified",
        ];
        assert_eq!(words(&errors), expected);
    }
}
