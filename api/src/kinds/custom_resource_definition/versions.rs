//! The versions of the kind: their names, which one is stored, and what each has beside its schema.

use std::collections::HashSet;

use serde_json::Value;

use super::{costs, schema};
use crate::custom::{JsonPath, STRATEGY_WEBHOOK};
use crate::field::{Error, Errors};
use crate::kinds::admission::check_client_config;
use crate::kinds::common::{Field, checks};
use crate::names::dns1035_label;

/// The types that a column may have.
const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
/// The formats that a column may have.
const COLUMN_FORMATS: [&str; 9] = [
    "int32",
    "int64",
    "float",
    "double",
    "byte",
    "date",
    "date-time",
    "password",
    "",
];
/// What who uses a deprecated version is told has no more bytes than this.
const DEPRECATION_MAX_BYTES: usize = 256;
const COLUMNS: &str = "additionalPrinterColumns";
const SELECTABLE: &str = "selectableFields";
/// The versions of ConversionReview that there are.
const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
/// The most fields of a version that lists can be narrowed by.
const SELECTABLE_MAX: usize = 8;

/// The versions, and how objects go from one to another.
pub(super) fn validate(spec: &Field<'_>, errors: &mut Errors) {
    let unknown = spec.get("preserveUnknownFields");
    if unknown.is_true() {
        errors.push(unknown.invalid(
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        ));
    }
    let versions = spec.get("versions");
    if versions.is_empty() {
        errors.push(versions.required("must have at least one version"));
        return;
    }
    let names: Vec<&str> = versions
        .items()
        .map(|version| version.get("name").str())
        .collect();
    let unique: HashSet<&&str> = names.iter().collect();
    let told = |words: &str| Error::invalid(versions.path(), Value::from(names.clone()), words);
    if unique.len() != names.len() {
        errors.push(told("must contain unique version names"));
    }
    let storage = versions
        .items()
        .filter(|version| version.get("storage").is_true());
    if storage.count() != 1 {
        errors.push(told(
            "must have exactly one version marked as storage version",
        ));
    }
    for version in versions.items() {
        checks::required_name(&version.get("name"), dns1035_label, errors);
        deprecation(&version, errors);
        let schema = version.get("schema").get("openAPIV3Schema");
        if !schema.is_set() {
            errors.push(schema.required("schemas are required"));
        }
    }
    for schema in parts(spec, "schema", "validation") {
        let schema = schema.get("openAPIV3Schema");
        if schema.is_set() {
            schema::validate(&schema, errors);
        }
    }
    for subresources in parts(spec, "subresources", "subresources") {
        scale(&subresources.get("scale"), errors);
    }
    for columns in parts(spec, COLUMNS, COLUMNS) {
        for column in columns.items() {
            check_column(&column, errors);
        }
    }
    for selectable in parts(spec, SELECTABLE, SELECTABLE) {
        check_selectable(&selectable, errors);
    }
    conversion(&spec.get("conversion"), errors);
}

/// What is wrong with the costs of rules, in schemas that the definition did not have before.
pub(super) fn validate_costs(spec: &Field<'_>, old: Option<&Field<'_>>, errors: &mut Errors) {
    let known: Vec<Field<'_>> = old
        .map(|old| parts(old, "schema", "validation"))
        .unwrap_or_default();
    for schema in parts(spec, "schema", "validation") {
        let is_new = known.iter().all(|known| known.value() != schema.value());
        if is_new {
            costs::validate(&schema.get("openAPIV3Schema"), errors);
        }
    }
}

/// A part of each version; or of all, if they have it alike. That stands where the API server of Kubernetes keeps it, for
/// its errors say so.
fn parts<'a>(spec: &Field<'a>, name: &str, shared: &str) -> Vec<Field<'a>> {
    let of_versions = spec.get("versions").items();
    let all: Vec<Field<'a>> = of_versions.map(|version| version.get(name)).collect();
    match all.split_first() {
        Some((first, others)) if others.iter().all(|other| other.value() == first.value()) => {
            vec![Field::at(spec.path().child(shared), first.value())]
        }
        _ => all,
    }
}

fn deprecation(version: &Field<'_>, errors: &mut Errors) {
    let warning = version.get("deprecationWarning");
    let text = warning.str();
    if !warning.is_set() {
        return;
    }
    if !version.get("deprecated").is_true() {
        errors.push(warning.invalid("can only be set for deprecated versions"));
    }
    if text.len() > DEPRECATION_MAX_BYTES {
        let words = format!("must be <= {DEPRECATION_MAX_BYTES} characters long");
        errors.push(warning.invalid(words));
    }
    if text.is_empty() {
        errors.push(warning.invalid("must not be an empty string"));
    }
    if let Some(at) = text.find(char::is_control) {
        errors.push(warning.invalid(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {at}"
        )));
    }
}

fn check_selectable(selectable: &Field<'_>, errors: &mut Errors) {
    if selectable.len() > SELECTABLE_MAX {
        let error = Error::too_many(selectable.path(), selectable.len(), SELECTABLE_MAX);
        errors.push(error);
    }
    let mut seen = checks::Seen::new();
    for field in selectable.items() {
        let path = field.get("jsonPath");
        checks::required(&path, errors);
        let parsed = JsonPath::parse(path.str()).ok();
        if !path.is_empty() && parsed.is_none_or(|parsed| parsed.fields().is_none()) {
            errors.push(path.invalid("is an invalid path"));
        }
        seen.add(path.str(), &path, errors);
    }
}

fn check_column(column: &Field<'_>, errors: &mut Errors) {
    checks::required(&column.get("name"), errors);
    let column_type = column.get("type");
    if column_type.is_empty() {
        let words = format!("must be one of {}", COLUMN_TYPES.join(","));
        errors.push(column_type.required(&words));
    } else if !COLUMN_TYPES.contains(&column_type.str()) {
        let words = format!("must be one of {}", COLUMN_TYPES.join(","));
        errors.push(column_type.invalid(words));
    }
    let format = column.get("format");
    if !COLUMN_FORMATS.contains(&format.str()) {
        let words = format!("must be one of {}", COLUMN_FORMATS[..8].join(","));
        errors.push(format.invalid(words));
    }
    let path = column.get("jsonPath");
    checks::required(&path, errors);
    if let Err(words) = JsonPath::parse(path.str()) {
        errors.push(path.invalid(words));
    }
}

fn scale(scale: &Field<'_>, errors: &mut Errors) {
    if !scale.is_set() {
        return;
    }
    let paths: [(&str, &[&str], &str); 3] = [
        (
            "specReplicasPath",
            &["spec"],
            "should be a json path under .spec",
        ),
        (
            "statusReplicasPath",
            &["status"],
            "should be a json path under .status",
        ),
        (
            "labelSelectorPath",
            &["spec", "status"],
            "should be a json path under either .spec or .status",
        ),
    ];
    for (name, roots, words) in paths {
        let path = scale.get(name);
        if name != "labelSelectorPath" {
            checks::required(&path, errors);
        }
        if path.is_empty() {
            continue;
        }
        let parsed = JsonPath::parse(path.str()).ok();
        let fields = parsed
            .as_ref()
            .and_then(JsonPath::fields)
            .unwrap_or_default();
        match fields[..] {
            [root, _, ..] if roots.contains(&root) => {}
            _ => errors.push(path.invalid(words)),
        }
    }
}

fn conversion(conversion: &Field<'_>, errors: &mut Errors) {
    let strategy = conversion.get("strategy");
    checks::one_of(&strategy, &["None", STRATEGY_WEBHOOK], errors);
    let webhook = conversion.get("webhook");
    if strategy.str() != STRATEGY_WEBHOOK {
        if webhook.is_set() {
            errors.push(webhook.forbidden("should not be set when strategy is not set to Webhook"));
        }
        return;
    }
    // The API server of Kubernetes knows the two by these names.
    let renamed = |name: &str, shown: &str| {
        Field::at(conversion.path().child(shown), webhook.get(name).value())
    };
    let client = renamed("clientConfig", "webhookClientConfig");
    if client.is_set() {
        check_client_config(&client, errors);
    } else {
        errors.push(client.required("required when strategy is set to Webhook"));
    }
    let name = "conversionReviewVersions";
    review_versions(&renamed(name, name), errors);
}

fn review_versions(versions: &Field<'_>, errors: &mut Errors) {
    checks::required(versions, errors);
    let mut seen = HashSet::new();
    for version in versions.items() {
        if !seen.insert(version.str()) {
            errors.push(version.invalid("duplicate version"));
            continue;
        }
        errors.extend(version.invalid_each(dns1035_label(version.str())));
    }
    if !versions.is_empty() && !REVIEW_VERSIONS.iter().any(|known| seen.contains(known)) {
        let words = format!(
            "must include at least one of {}",
            REVIEW_VERSIONS.join(", ")
        );
        errors.push(versions.invalid(words));
    }
}
