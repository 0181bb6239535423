//! Single rules that many fields follow, worded as Kubernetes words them
//! (k8s.io/apimachinery/pkg/util/validation and /api/validation).

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use serde_json::Value;

use super::Field;
use crate::field::{Error, Errors};
use crate::{Selector, metadata, names};

/// A rule of `crate::names`: what is wrong with a string, in words.
pub(crate) type NameRule = fn(&str) -> Vec<String>;

/// Port numbers.
pub(crate) const PORTS: RangeInclusive<i64> = 1..=65535;
/// User and group ids.
pub(crate) const IDS: RangeInclusive<i64> = 0..=i32::MAX as i64;
/// The permission bits of a file in a volume.
const FILE_MODES: RangeInclusive<i64> = 0..=0o777;

/// A field that must be there.
pub(crate) fn required(field: &Field<'_>, errors: &mut Errors) {
    if field.is_empty() {
        errors.push(field.required(""));
    }
}

/// A number that, if set, is not negative.
pub(crate) fn non_negative(field: &Field<'_>, errors: &mut Errors) {
    if field.int().is_some_and(|number| number < 0) {
        errors.push(field.invalid("must be greater than or equal to 0"));
    }
}

/// Several numbers of one map that, if set, are not negative.
pub(crate) fn all_non_negative(map: &Field<'_>, names: &[&str], errors: &mut Errors) {
    for name in names {
        non_negative(&map.get(name), errors);
    }
}

/// A number that, if set, lies in the range.
pub(crate) fn in_range(field: &Field<'_>, range: RangeInclusive<i64>, errors: &mut Errors) {
    if let Some(number) = field.int() {
        let wrong = names::in_range(number, *range.start(), *range.end());
        errors.extend(wrong.into_iter().map(|words| field.invalid(words)));
    }
}

/// A port that must be given by number.
pub(crate) fn port_number(field: &Field<'_>, errors: &mut Errors) {
    match field.int() {
        None => errors.push(field.required("")),
        Some(_) => in_range(field, PORTS, errors),
    }
}

/// A port that must be given by number or by name.
pub(crate) fn port_number_or_name(field: &Field<'_>, errors: &mut Errors) {
    match field.value() {
        Value::String(name) => {
            let wrong = names::port_name(name);
            errors.extend(wrong.into_iter().map(|words| field.invalid(words)));
        }
        _ => port_number(field, errors),
    }
}

/// The mode of a file in a volume, if set.
pub(crate) fn file_mode(field: &Field<'_>, errors: &mut Errors) {
    if field.int().is_some_and(|mode| !FILE_MODES.contains(&mode)) {
        let words = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(field.invalid(words));
    }
}

/// A string that, if set, follows a rule of names.
pub(crate) fn name(field: &Field<'_>, rule: NameRule, errors: &mut Errors) {
    if !field.is_empty() {
        let wrong = rule(field.str());
        errors.extend(wrong.into_iter().map(|words| field.invalid(words)));
    }
}

/// A string that must be there and follow a rule of names.
pub(crate) fn required_name(field: &Field<'_>, rule: NameRule, errors: &mut Errors) {
    required(field, errors);
    name(field, rule, errors);
}

/// A string that must be one of these, which stand in alphabetical order.
pub(crate) fn one_of(field: &Field<'_>, known: &[&str], errors: &mut Errors) {
    required(field, errors);
    one_of_if_set(field, known, errors);
}

/// A string that, if set, must be one of these.
pub(crate) fn one_of_if_set(field: &Field<'_>, known: &[&str], errors: &mut Errors) {
    if !field.is_empty() && !known.contains(&field.str()) {
        errors.push(field.not_supported(known));
    }
}

/// The names of the parts of which `union` has more than one; the first one is allowed.
/// With none, the error is that `union` is required.
pub(crate) fn exactly_one<'a>(
    union: &Field<'_>,
    parts: &[&'a str],
    none: &str,
    several: &str,
    errors: &mut Errors,
) -> Option<&'a str> {
    let mut set = parts
        .iter()
        .copied()
        .filter(|part| union.get(part).is_set());
    let first = set.next();
    if first.is_none() {
        errors.push(union.required(none));
    }
    errors.extend(set.map(|part| union.get(part).forbidden(several)));
    first
}

/// A map of labels, such as a Service's selector.
pub(crate) fn labels(field: &Field<'_>, errors: &mut Errors) {
    errors.extend(metadata::validate_labels(
        field.value().as_object(),
        field.path(),
    ));
}

/// The key of a label, as the error of `field`.
pub(crate) fn label_key(field: &Field<'_>, key: &str, errors: &mut Errors) {
    for words in names::qualified_name(key) {
        errors.push(Error::invalid(field.path(), key, words));
    }
}

/// A LabelSelector, if set.
pub(crate) fn label_selector(field: &Field<'_>, errors: &mut Errors) {
    if field.is_set()
        && let Err(wrong) = Selector::from_object(field.value(), field.path())
    {
        errors.extend(wrong);
    }
}

/// An IP address, if set.
pub(crate) fn ip(field: &Field<'_>, errors: &mut Errors) -> Option<IpAddr> {
    name(field, names::ip, errors);
    field.str().parse().ok()
}

/// An IP address that may stand for something outside the machine (`ValidateNonSpecialIP`): not unspecified, loopback or
/// link-local, so that nobody can reach a node's own services through it.
pub(crate) fn endpoint_ip(field: &Field<'_>, errors: &mut Errors) {
    let Some(ip) = ip(field, errors) else { return };
    if ip.is_unspecified() {
        errors.push(field.invalid("may not be unspecified (0.0.0.0 or ::)"));
    }
    if ip.is_loopback() {
        errors.push(field.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    let (link_local, multicast) = match ip {
        IpAddr::V4(v4) => (
            v4.is_link_local(),
            v4 & LAST_BYTE_OFF == LINK_LOCAL_MULTICAST,
        ),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] == 0xff02),
    };
    if link_local {
        let words = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        errors.push(field.invalid(words));
    }
    if multicast {
        let words = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        errors.push(field.invalid(words));
    }
}

const LAST_BYTE_OFF: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
const LINK_LOCAL_MULTICAST: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 0);

/// A field that an update may not change.
pub(crate) fn immutable(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    if new.value() != old.value() {
        errors.push(new.invalid("field is immutable"));
    }
}

/// A path inside a volume: relative, and not out of it.
pub(crate) fn local_path(field: &Field<'_>, errors: &mut Errors) {
    if field.str().starts_with('/') {
        errors.push(field.invalid("must be a relative path"));
    }
    no_backsteps(field, errors);
}

/// A path without `..`.
pub(crate) fn no_backsteps(field: &Field<'_>, errors: &mut Errors) {
    if field.str().split('/').any(|step| step == "..") {
        errors.push(field.invalid("must not contain '..'"));
    }
}

/// Remembers what was seen; says what stands twice.
pub(crate) struct Seen<K>(HashSet<K>);

impl<K: Hash + Eq> Seen<K> {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self(HashSet::new())
    }

    /// Adds `key`, of which `field` is an error if it is known already.
    pub(crate) fn add(&mut self, key: K, field: &Field<'_>, errors: &mut Errors) {
        if !self.0.insert(key) {
            errors.push(field.duplicate());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(value: Value, check: fn(&Field<'_>, &mut Errors)) -> Vec<String> {
        let mut errors = Errors::new();
        check(&Field::root(&json!({"x": value})).get("x"), &mut errors);
        words(&errors)
    }

    #[test]
    fn numbers() {
        let none: [&str; 0] = [];
        assert_eq!(wrong(json!(null), non_negative), none);
        assert_eq!(wrong(json!(0), non_negative), none);
        assert_eq!(
            wrong(json!(-1), non_negative),
            ["x: Invalid value: -1: must be greater than or equal to 0"]
        );
        assert_eq!(wrong(json!(null), port_number), ["x: Required value"]);
        assert_eq!(
            wrong(json!(70000), port_number),
            ["x: Invalid value: 70000: must be between 1 and 65535, inclusive"]
        );
        assert_eq!(wrong(json!("http"), port_number_or_name), none);
        assert_eq!(wrong(json!(0o777), file_mode), none);
        assert_eq!(
            wrong(json!(0o1000), file_mode),
            ["x: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"]
        );
    }

    #[test]
    fn endpoint_addresses() {
        let none: [&str; 0] = [];
        assert_eq!(wrong(json!("10.0.0.1"), endpoint_ip), none);
        assert_eq!(wrong(json!("2001:db8::1"), endpoint_ip), none);
        for (address, rule) in [
            (
                "ten",
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ),
            ("0.0.0.0", "may not be unspecified (0.0.0.0 or ::)"),
            (
                "127.0.0.1",
                "may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ),
            (
                "::1",
                "may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ),
            (
                "169.254.1.1",
                "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
            ),
            (
                "224.0.0.5",
                "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
            ),
        ] {
            let expected = format!("x: Invalid value: {address:?}: {rule}");
            assert_eq!(wrong(json!(address), endpoint_ip), [expected]);
        }
    }

    #[test]
    fn paths_stay_inside() {
        let none: [&str; 0] = [];
        assert_eq!(wrong(json!("a/b..c"), local_path), none);
        assert_eq!(
            wrong(json!("/a/../b"), local_path),
            [
                "x: Invalid value: \"/a/../b\": must be a relative path",
                "x: Invalid value: \"/a/../b\": must not contain '..'",
            ]
        );
    }
}
