//! What the kind is called, and its group.

use crate::custom::{APPROVED, is_protected};
use crate::field::{Error, Errors};
use crate::kinds::common::{Field, checks};
use crate::names::{dns_subdomain, dns1035_label};

/// Group, scope and names, and the name of the definition that follows from them.
pub(super) fn validate(definition: &Field<'_>, errors: &mut Errors) {
    let spec = definition.get("spec");
    let (group, names) = (spec.get("group"), spec.get("names"));
    let name = definition.get("metadata").get("name");
    if name.str() != format!("{}.{}", names.get("plural").str(), group.str()) {
        errors.push(name.invalid("must be spec.names.plural+\".\"+spec.group"));
    }
    check_group(definition, &group, errors);
    checks::one_of(&spec.get("scope"), &["Cluster", "Namespaced"], errors);
    for field in ["plural", "singular"] {
        checks::required_name(&names.get(field), dns1035_label, errors);
    }
    for field in ["kind", "listKind"] {
        mixed_case(&names.get(field), errors);
    }
    let (kind, list_kind) = (names.get("kind"), names.get("listKind"));
    if !kind.is_empty() && kind.str() == list_kind.str() {
        errors.push(list_kind.invalid("kind and listKind may not be the same"));
    }
    for field in ["shortNames", "categories"] {
        for item in names.get(field).items() {
            checks::must_follow(&item, dns1035_label, errors);
        }
    }
}

fn check_group(definition: &Field<'_>, group: &Field<'_>, errors: &mut Errors) {
    checks::required_name(group, dns_subdomain, errors);
    if !group.is_empty() && !group.str().contains('.') {
        errors.push(group.invalid("should be a domain with at least one dot"));
    }
    if !is_protected(group.str()) {
        return;
    }
    let approved = definition.get("metadata").get("annotations").key(APPROVED);
    if approved.is_empty() {
        errors.push(approved.required(&format!(
            "protected groups must have approval annotation {APPROVED:?}, see https://github.com/kubernetes/enhancements/pull/1111"
        )));
    }
}

fn mixed_case(field: &Field<'_>, errors: &mut Errors) {
    checks::required(field, errors);
    if field.is_empty() {
        return;
    }
    let wrong = dns1035_label(&field.str().to_lowercase());
    let wrong = wrong.into_iter().map(|words| {
        let words = format!("may have mixed case, but should otherwise match: {words}");
        Error::invalid(field.path(), field.str(), words)
    });
    errors.extend(wrong);
}
