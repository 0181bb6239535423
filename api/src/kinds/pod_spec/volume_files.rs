//! Volumes whose files the kubelet writes: from ConfigMaps, Secrets, the Pod itself, and tokens.

use super::env;
use crate::field::Errors;
use crate::kinds::common::checks;
use crate::kinds::common::{Field, paths};

/// What of a Pod a file may show.
const FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// The keys of a ConfigMap or Secret as files.
pub(super) fn files(source: &Field<'_>, errors: &mut Errors) {
    paths::file_mode(&source.get("defaultMode"), errors);
    for item in source.get("items").items() {
        checks::required(&item.get("key"), errors);
        paths::file_path(&item.get("path"), errors);
        paths::file_mode(&item.get("mode"), errors);
    }
}

pub(super) fn downward(source: &Field<'_>, errors: &mut Errors) {
    for item in source.get("items").items() {
        paths::file_path(&item.get("path"), errors);
        paths::file_mode(&item.get("mode"), errors);
        let (field, resource) = (item.get("fieldRef"), item.get("resourceFieldRef"));
        match (field.is_set(), resource.is_set()) {
            (true, true) => {
                errors.push(
                    item.invalid(
                        "fieldRef and resourceFieldRef can not be specified simultaneously",
                    ),
                );
            }
            (true, false) => env::field_ref(&field, FIELDS, errors),
            (false, true) => {
                checks::required(&resource.get("containerName"), errors);
                env::resource_ref(&resource, errors);
            }
            (false, false) => {
                errors.push(item.required("one of fieldRef and resourceFieldRef is required"));
            }
        }
    }
}

pub(super) fn projected(source: &Field<'_>, errors: &mut Errors) {
    const KINDS: &[&str] = &[
        "clusterTrustBundle",
        "configMap",
        "downwardAPI",
        "podCertificate",
        "secret",
        "serviceAccountToken",
    ];
    paths::file_mode(&source.get("defaultMode"), errors);
    for projection in source.get("sources").items() {
        let (none, several) = ("", "may not specify more than 1 volume type");
        let kind = checks::exactly_one(&projection, KINDS, none, several, errors);
        let Some(kind) = kind else { continue };
        let part = projection.get(kind);
        match kind {
            "configMap" | "secret" => {
                checks::required(&part.get("name"), errors);
                files(&part, errors);
            }
            "downwardAPI" => downward(&part, errors),
            "serviceAccountToken" => token(&part, errors),
            _ => {}
        }
    }
}

fn token(token: &Field<'_>, errors: &mut Errors) {
    const TEN_MINUTES: i64 = 600;
    let expiration = token.get("expirationSeconds");
    match expiration.int() {
        Some(seconds) if seconds < TEN_MINUTES => {
            errors.push(expiration.invalid("may not specify a duration less than 10 minutes"));
        }
        Some(seconds) if seconds > 1 << 32 => {
            errors.push(expiration.invalid("may not specify a duration larger than 2^32 seconds"));
        }
        _ => {}
    }
    paths::file_path(&token.get("path"), errors);
}
