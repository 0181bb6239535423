//! Claims, volumes and classes for tables of cases.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::{Value, json};

/// The claim `default/data` of 1Gi, with `more` in it.
pub(super) fn claim(more: Value) -> PersistentVolumeClaim {
    let mut object = json!({
        "metadata": { "name": "data", "namespace": "default", "uid": "u" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    merge(&mut object, more);
    serde_json::from_value(object).expect("a claim")
}

/// A volume of 5Gi, free if `more` says nothing else.
pub(super) fn volume(name: &str, more: Value) -> Arc<PersistentVolume> {
    let mut object = json!({
        "metadata": { "name": name, "uid": format!("uid-of-{name}") },
        "spec": { "capacity": { "storage": "5Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/data" } },
        "status": { "phase": "Available" },
    });
    merge(&mut object, more);
    Arc::new(serde_json::from_value(object).expect("a volume"))
}

pub(super) fn class(name: &str, provisioner: &str, binding: &str) -> StorageClass {
    let object = json!({ "metadata": { "name": name }, "provisioner": provisioner, "volumeBindingMode": binding });
    serde_json::from_value(object).expect("a class")
}

pub(super) fn pod(name: &str) -> Arc<Pod> {
    let object = json!({ "metadata": { "name": name, "namespace": "default" } });
    Arc::new(serde_json::from_value(object).expect("a Pod"))
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
