//! The volumes of a Pod: defaults and rules.

use serde_json::{Value, json};

use super::{defaults, env};
use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::defaults::{default_nonzero, default_to, each, existing};
use crate::kinds::common::paths;
use crate::kinds::common::quantities;
use crate::kinds::persistent_volume_claim as claim;
use crate::names;

/// What a volume can come from; a volume is of one type.
const SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
];

/// What of a Pod a file may show.
const FIELDS: &[&str] = &["metadata.name", "metadata.namespace", "metadata.uid"];
const READABLE_BY_ALL: i64 = 0o644;
const HOUR_IN_SECONDS: i64 = 3600;

/// The defaults of one volume.
pub(super) fn default_volume(volume: &mut Value) {
    if SOURCES.iter().all(|source| volume[*source].is_null()) {
        default_to(volume, "emptyDir", json!({}));
    }
    for kind in ["configMap", "downwardAPI", "projected", "secret"] {
        if let Some(source) = existing(volume, kind) {
            default_to(source, "defaultMode", READABLE_BY_ALL);
        }
    }
    if let Some(source) = existing(volume, "downwardAPI") {
        default_items(source);
    }
    if let Some(projected) = existing(volume, "projected") {
        each(projected, "sources").for_each(default_projection);
    }
    if let Some(source) = existing(volume, "hostPath")
        && source["type"].is_null()
    {
        source["type"] = "".into();
    }
    if let Some(source) = existing(volume, "image") {
        let policy = defaults::pull_policy(source["reference"].as_str().unwrap_or_default());
        default_to(source, "pullPolicy", policy);
    }
    let ephemeral = existing(volume, "ephemeral");
    let template = ephemeral.and_then(|source| existing(source, "volumeClaimTemplate"));
    template
        .and_then(|template| existing(template, "spec"))
        .map(claim::default_spec);
}

fn default_items(source: &mut Value) {
    for item in each(source, "items") {
        existing(item, "fieldRef").map(defaults::default_field_ref);
    }
}

fn default_projection(projection: &mut Value) {
    if let Some(token) = existing(projection, "serviceAccountToken") {
        default_nonzero(token, "expirationSeconds", HOUR_IN_SECONDS);
    }
    existing(projection, "downwardAPI").map(default_items);
}

/// What is wrong with the volumes of a PodSpec.
pub(super) fn validate(volumes: &Field<'_>, errors: &mut Errors) {
    let mut names = Seen::new();
    for volume in volumes.items() {
        let name = volume.get("name");
        checks::required_name(&name, names::dns_label, errors);
        names.add(name.str(), &name, errors);
        let (none, several) = (
            "must specify a volume type",
            "may not specify more than 1 volume type",
        );
        if let Some(kind) = checks::exactly_one(&volume, SOURCES, none, several, errors) {
            validate_source(kind, &volume.get(kind), errors);
        }
    }
}

fn validate_source(kind: &str, source: &Field<'_>, errors: &mut Errors) {
    let mut required = |name: &str| checks::required(&source.get(name), errors);
    match kind {
        "persistentVolumeClaim" => required("claimName"),
        "csi" => required("driver"),
        "ephemeral" => required("volumeClaimTemplate"),
        "image" => required("reference"),
        "emptyDir" => empty_dir(source, errors),
        "hostPath" => host_path(source, errors),
        "nfs" => nfs(source, errors),
        "configMap" => {
            required("name");
            files(source, errors);
        }
        "secret" => {
            required("secretName");
            files(source, errors);
        }
        "downwardAPI" => {
            paths::file_mode(&source.get("defaultMode"), errors);
            downward(source, errors);
        }
        "projected" => projected(source, errors),
        _ => {}
    }
}

fn empty_dir(source: &Field<'_>, errors: &mut Errors) {
    let limit = source.get("sizeLimit");
    if limit.is_set() {
        quantities::non_negative(&limit, errors);
    }
}

/// What is wrong with a path of the host, in a Pod or in a PersistentVolume.
pub(crate) fn host_path(source: &Field<'_>, errors: &mut Errors) {
    const TYPES: &[&str] = &[
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    let path = source.get("path");
    checks::required(&path, errors);
    paths::no_backsteps(&path, errors);
    checks::one_of_if_set(&source.get("type"), TYPES, errors);
}

/// What is wrong with a directory of an NFS server.
pub(crate) fn nfs(source: &Field<'_>, errors: &mut Errors) {
    checks::required(&source.get("server"), errors);
    let path = source.get("path");
    checks::required(&path, errors);
    if !path.is_empty() && !path.str().starts_with('/') {
        errors.push(path.invalid("must be an absolute path"));
    }
}

/// The keys of a ConfigMap or Secret as files.
fn files(source: &Field<'_>, errors: &mut Errors) {
    paths::file_mode(&source.get("defaultMode"), errors);
    for item in source.get("items").items() {
        checks::required(&item.get("key"), errors);
        file_path(&item.get("path"), errors);
        paths::file_mode(&item.get("mode"), errors);
    }
}

/// A path in the volume; names that start with `..` are the kubelet's, for changing all files at once.
fn file_path(path: &Field<'_>, errors: &mut Errors) {
    checks::required(path, errors);
    paths::local_path(path, errors);
    if path.str().starts_with("..") && !path.str().starts_with("../") {
        errors.push(path.invalid("must not start with '..'"));
    }
}

fn downward(source: &Field<'_>, errors: &mut Errors) {
    for item in source.get("items").items() {
        file_path(&item.get("path"), errors);
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

fn projected(source: &Field<'_>, errors: &mut Errors) {
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
    file_path(&token.get("path"), errors);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(volume: Value) -> Vec<String> {
        let mut volume = volume;
        default_volume(&mut volume);
        let volumes = json!([volume]);
        let mut errors = Errors::new();
        validate(
            &Field::at(crate::field::Path::root("volumes"), &volumes),
            &mut errors,
        );
        words(&errors)
    }

    #[test]
    fn defaults() {
        for (given, defaulted) in [
            (json!({"name": "a"}), json!({"name": "a", "emptyDir": {}})),
            (
                json!({"configMap": {"name": "a"}}),
                json!({"configMap": {"name": "a", "defaultMode": 420}}),
            ),
            (
                json!({"hostPath": {"path": "/a"}}),
                json!({"hostPath": {"path": "/a", "type": ""}}),
            ),
            (
                json!({"projected": {"sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                ]}}),
                json!({"projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                    {"downwardAPI": {"items": [
                        {"path": "a", "fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}},
                    ]}},
                ]}}),
            ),
        ] {
            let mut volume = given;
            default_volume(&mut volume);
            assert_eq!(volume, defaulted);
        }
    }

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 8] = [
            (
                json!({"name": "a", "configMap": {"name": "a", "items": [{"key": "b", "path": "c/d"}]}}),
                &[],
            ),
            (json!({}), &["volumes[0].name: Required value"]),
            (
                json!({"name": "a", "emptyDir": {}, "hostPath": {"path": "/a"}}),
                &["volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
            ),
            (
                json!({"name": "a", "secret": {}}),
                &["volumes[0].secret.secretName: Required value"],
            ),
            (
                json!({"name": "a", "secret": {
                    "secretName": "a", "defaultMode": 4096, "items": [{"key": "b", "path": "..c"}],
                }}),
                &[
                    "volumes[0].secret.defaultMode: Invalid value: 4096: \
                     must be a number between 0 and 0777 (octal), both inclusive",
                    "volumes[0].secret.items[0].path: Invalid value: \"..c\": must not start with '..'",
                ],
            ),
            (
                json!({"name": "a", "nfs": {"server": "s", "path": "p"}}),
                &["volumes[0].nfs.path: Invalid value: \"p\": must be an absolute path"],
            ),
            (
                json!({"name": "a", "hostPath": {"path": "/a/../b", "type": "Pipe"}}),
                &[
                    "volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
                    "volumes[0].hostPath.type: Unsupported value: \"Pipe\": supported values: \"\", \
                     \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \
                     \"FileOrCreate\", \"Socket\"",
                ],
            ),
            (
                json!({"name": "a", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "t", "expirationSeconds": 60}},
                ]}}),
                &[
                    "volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: \
                   may not specify a duration less than 10 minutes",
                ],
            ),
        ];
        for (volume, expected) in cases {
            assert_eq!(wrong(volume.clone()), expected, "{volume}");
        }
    }
}
