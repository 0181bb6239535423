//! PersistentVolumes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{items, or, text};
use super::common::defaults::{default_to, ensure, existing};
use super::common::{Field, cells, checks, describe, paths, quantities, same};
use super::{pod_spec, volume_rules};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, names};

/// Where a volume can be; it is in one place.
const SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("pv"),
        subresources: describe::status(),
        ..describe::cluster(
            describe::CORE,
            "PersistentVolume",
            "persistentvolumes",
            PersistentVolume,
        )
    }
}

pub(super) struct PersistentVolume;

impl Strategy for PersistentVolume {
    fn default(&self, volume: &mut Value) {
        if let Some(status) = ensure(volume, "status") {
            default_to(status, "phase", "Pending");
        }
        let Some(spec) = ensure(volume, "spec") else {
            return;
        };
        default_to(spec, "persistentVolumeReclaimPolicy", "Retain");
        default_to(spec, "volumeMode", "Filesystem");
        if let Some(host_path) = existing(spec, "hostPath")
            && host_path["type"].is_null()
        {
            host_path["type"] = "".into();
        }
    }

    fn prepare_create(&self, volume: &mut Value) {
        if volume.is_object() {
            volume["status"] = json!({"phase": "Pending"});
        }
    }

    fn validate(&self, volume: &Value) -> Errors {
        let mut errors = Errors::new();
        validate_spec(&Field::root(volume).get("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new).get("spec"), Field::root(old).get("spec"));
        if !same(&source(new.value()), &source(old.value())) {
            let path = new.get("persistentvolumesource");
            errors.push(path.forbidden("spec.persistentvolumesource is immutable after creation"));
        }
        checks::immutable(&new.get("volumeMode"), &old.get("volumeMode"), &mut errors);
        let affinity = old.get("nodeAffinity");
        if affinity.is_set() {
            checks::immutable(&new.get("nodeAffinity"), &affinity, &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Capacity", "string"),
            Column::new("Access Modes", "string"),
            Column::new("Reclaim Policy", "string"),
            Column::new("Status", "string"),
            Column::new("Claim", "string"),
            Column::new("StorageClass", "string"),
            Column::new("VolumeAttributesClass", "string"),
            Column::new("Reason", "string"),
            cells::age_column(),
            Column::wide("VolumeMode", "string"),
        ]
    }

    fn cells(&self, volume: &Value, now: Timestamp) -> Vec<Value> {
        let spec = &volume["spec"];
        let claim = &spec["claimRef"];
        let claim = match claim.is_object() {
            true => format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")),
            false => String::new(),
        };
        vec![
            cells::name(volume),
            text(spec, "/capacity/storage").into(),
            cells::access_modes(items(spec, "/accessModes")).into(),
            text(spec, "/persistentVolumeReclaimPolicy").into(),
            volume_rules::phase(volume).into(),
            claim.into(),
            text(spec, "/storageClassName").into(),
            or(text(spec, "/volumeAttributesClassName"), "<unset>").into(),
            text(volume, "/status/reason").into(),
            cells::age(volume, now),
            or(text(spec, "/volumeMode"), "<unset>").into(),
        ]
    }
}

fn validate_spec(spec: &Field<'_>, errors: &mut Errors) {
    volume_rules::access_modes(&spec.get("accessModes"), "", errors);
    let capacity = spec.get("capacity");
    checks::required(&capacity, errors);
    if !capacity.is_empty() && (capacity.len() > 1 || !capacity.get("storage").is_set()) {
        errors.push(capacity.not_supported(&["storage"]));
    }
    for (_, amount) in capacity.entries() {
        quantities::positive(&amount, errors);
    }
    pod_spec::node_selector(&spec.get("nodeAffinity").get("required"), errors);
    let (none, several) = (
        "must specify a volume type",
        "may not specify more than 1 volume type",
    );
    if let Some(kind) = checks::exactly_one(spec, SOURCES, none, several, errors) {
        validate_source(kind, spec, errors);
    }
    let reclaim = spec.get("persistentVolumeReclaimPolicy");
    checks::one_of_if_set(&reclaim, &["Delete", "Recycle", "Retain"], errors);
    checks::name(&spec.get("storageClassName"), names::dns_subdomain, errors);
    volume_rules::volume_mode(&spec.get("volumeMode"), errors);
}

fn validate_source(kind: &str, spec: &Field<'_>, errors: &mut Errors) {
    let source = spec.get(kind);
    match kind {
        "hostPath" => {
            pod_spec::host_path(&source, errors);
            let reclaim = spec.get("persistentVolumeReclaimPolicy");
            if source.get("path").str() == "/" && reclaim.str() == "Recycle" {
                let words = "may not be 'recycle' for a hostPath mount of '/'";
                errors.push(reclaim.forbidden(words));
            }
        }
        "nfs" => pod_spec::nfs(&source, errors),
        "local" => {
            checks::required(&source.get("path"), errors);
            paths::no_backsteps(&source.get("path"), errors);
            let affinity = spec.get("nodeAffinity");
            if !affinity.is_set() {
                errors.push(affinity.required("Local volume requires node affinity"));
            }
        }
        "csi" => {
            checks::required(&source.get("driver"), errors);
            checks::required(&source.get("volumeHandle"), errors);
        }
        _ => {}
    }
}

/// The part of the spec that says where the volume is.
fn source(spec: &Value) -> Value {
    let mut source = spec.as_object().cloned().unwrap_or_default();
    source.retain(|field, _| SOURCES.contains(&field.as_str()));
    source.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn volume(source: Value) -> Value {
        let mut volume = json!({
            "metadata": {"name": "pv1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"}, "storageClassName": "slow"},
        });
        for (field, value) in source.as_object().into_iter().flatten() {
            volume["spec"][field] = value.clone();
        }
        volume
    }

    #[test]
    fn a_volume_in_the_list() {
        let claim_ref = json!({"namespace": "shop", "name": "data"});
        let volume = volume(json!({"nfs": {"server": "s", "path": "/p"}, "claimRef": claim_ref}));
        let row = [
            ("Name", json!("pv1")),
            ("Capacity", json!("1Gi")),
            ("Access Modes", json!("RWX")),
            ("Reclaim Policy", json!("Retain")),
            ("Status", json!("Pending")),
            ("Claim", json!("shop/data")),
            ("StorageClass", json!("slow")),
            ("VolumeAttributesClass", json!("<unset>")),
            ("Reason", json!("")),
            ("Age", json!("5m")),
            ("VolumeMode", json!("Filesystem")),
        ];
        assert_row(
            &PersistentVolume,
            &created(&PersistentVolume, &volume),
            &row,
        );
    }

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 4] = [
            (json!({"hostPath": {"path": "/data"}}), &[]),
            (
                json!({}),
                &["spec: Required value: must specify a volume type"],
            ),
            (
                json!({"hostPath": {"path": "/data"}, "nfs": {"server": "s", "path": "/p"}}),
                &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
            ),
            (
                json!({"local": {"path": "/data"}}),
                &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
            ),
        ];
        for (source, expected) in cases {
            assert_eq!(
                create_errors(&PersistentVolume, &volume(source.clone())),
                expected,
                "{source}"
            );
        }
        assert_eq!(
            create_errors(
                &PersistentVolume,
                &json!({"spec": {"hostPath": {"path": "/data"}}})
            ),
            [
                "spec.accessModes: Required value",
                "spec.capacity: Required value"
            ]
        );
    }

    #[test]
    fn a_volume_stays_where_it_is() {
        let old = volume(json!({"hostPath": {"path": "/a"}}));
        let new = volume(json!({"hostPath": {"path": "/b"}}));
        assert_eq!(
            update_errors(&PersistentVolume, &old, &new),
            [
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
            ]
        );
    }
}
