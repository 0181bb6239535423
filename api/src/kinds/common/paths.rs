//! Rules of paths and file modes in volumes.

use std::ops::RangeInclusive;

use super::{Field, checks};
use crate::field::Errors;

/// The permission bits of a file in a volume.
const FILE_MODES: RangeInclusive<i64> = 0..=0o777;

/// The mode of a file in a volume, if set.
pub(crate) fn file_mode(field: &Field<'_>, errors: &mut Errors) {
    if field.int().is_some_and(|mode| !FILE_MODES.contains(&mode)) {
        let words = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(field.invalid(words));
    }
}

/// A path inside a volume: relative, and not out of it.
pub(crate) fn local_path(field: &Field<'_>, errors: &mut Errors) {
    if field.str().starts_with('/') {
        errors.push(field.invalid("must be a relative path"));
    }
    no_backsteps(field, errors);
}

/// The path of a file in a volume; names that start with `..` are the kubelet's, for changing all files at once.
pub(crate) fn file_path(path: &Field<'_>, errors: &mut Errors) {
    checks::required(path, errors);
    local_path(path, errors);
    if path.str().starts_with("..") && !path.str().starts_with("../") {
        errors.push(path.invalid("must not start with '..'"));
    }
}

/// A path without `..`.
pub(crate) fn no_backsteps(field: &Field<'_>, errors: &mut Errors) {
    if field.str().split('/').any(|step| step == "..") {
        errors.push(field.invalid("must not contain '..'"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::wrong;

    #[test]
    fn modes() {
        assert_eq!(wrong(json!(0o777), file_mode), [""; 0]);
        assert_eq!(
            wrong(json!(0o1000), file_mode),
            ["x: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"]
        );
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(wrong(json!("a/b..c"), local_path), [""; 0]);
        assert_eq!(
            wrong(json!("/a/../b"), local_path),
            [
                "x: Invalid value: \"/a/../b\": must be a relative path",
                "x: Invalid value: \"/a/../b\": must not contain '..'",
            ]
        );
    }
}
