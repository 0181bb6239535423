//! What ConfigMaps and Secrets share: keys, size, and being immutable.

use serde_json::{Map, Value};

use super::common::{Field, same};
use crate::field::{Error, Errors, Path};
use crate::names;

/// All values together, in bytes.
const MAX_SIZE: usize = 1024 * 1024;

/// What is wrong with the keys of these maps, or with the size of their values together.
pub(super) fn validate(maps: &[Field<'_>], errors: &mut Errors) {
    for map in maps {
        for key in map.keys() {
            for words in names::config_map_key(key) {
                errors.push(Error::invalid(&map.path().key(key), key, words));
            }
        }
    }
    let values = maps.iter().flat_map(|map| map.value().as_object());
    let sizes = values.flat_map(Map::values).filter_map(Value::as_str);
    let size: usize = sizes.map(str::len).sum();
    if size > MAX_SIZE {
        errors.push(Error::too_long(&Path::root(""), MAX_SIZE));
    }
}

/// What is wrong with a change, once `immutable` is set.
pub(super) fn validate_update(
    new: &Field<'_>,
    old: &Field<'_>,
    fields: &[&str],
    errors: &mut Errors,
) {
    const WORDS: &str = "field is immutable when `immutable` is set";
    if !old.get("immutable").is_true() {
        return;
    }
    let immutable = new.get("immutable");
    if !immutable.is_true() {
        errors.push(immutable.forbidden(WORDS));
    }
    for field in fields {
        let new = new.get(field);
        if !same(new.value(), old.get(field).value()) {
            errors.push(new.forbidden(WORDS));
        }
    }
}
