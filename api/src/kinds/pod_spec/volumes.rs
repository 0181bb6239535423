//! The rules of the volumes of a Pod.

use super::volume_files::{downward, files, projected};
use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::paths;
use crate::kinds::common::quantities;
use crate::names;

/// What a volume can come from; a volume is of one type.
pub(super) const SOURCES: &[&str] = &[
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;
    use crate::kinds::pod_spec::volume_defaults::default_volume;

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
    fn a_pod_may_show_its_labels_and_annotations_as_files() {
        for field in [
            "metadata.labels",
            "metadata.annotations",
            "metadata.labels['app']",
        ] {
            let item = json!({"path": "a", "fieldRef": {"fieldPath": field}});
            let volume = json!({"name": "a", "downwardAPI": {"items": [item]}});
            assert!(wrong(volume).is_empty(), "{field}");
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
