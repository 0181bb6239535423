//! PersistentVolumeClaims.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{items, or, text};
use super::common::defaults::{default_to, ensure, existing, remove};
use super::common::{Field, cells, checks, describe, quantities, same};
use super::volume_rules;
use crate::field::Errors;
use crate::{Column, Descriptor, Quantity, Strategy, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("pvc"),
        subresources: describe::status(),
        ..describe::namespaced(
            describe::CORE,
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            PersistentVolumeClaim,
        )
    }
}

pub(super) struct PersistentVolumeClaim;

impl Strategy for PersistentVolumeClaim {
    fn default(&self, claim: &mut Value) {
        ensure(claim, "spec").map(default_spec);
        if let Some(status) = ensure(claim, "status") {
            default_to(status, "phase", "Pending");
        }
    }

    fn prepare_create(&self, claim: &mut Value) {
        if claim.is_object() {
            claim["status"] = json!({"phase": "Pending"});
        }
    }

    fn validate(&self, claim: &Value) -> Errors {
        let mut errors = Errors::new();
        validate_spec(&Field::root(claim).get("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        step(&Field::root(new), &Field::root(old), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Status", "string"),
            Column::new("Volume", "string"),
            Column::new("Capacity", "string"),
            Column::new("Access Modes", "string"),
            Column::new("StorageClass", "string"),
            Column::new("VolumeAttributesClass", "string"),
            cells::age_column(),
            Column::wide("VolumeMode", "string"),
        ]
    }

    fn cells(&self, claim: &Value, now: Timestamp) -> Vec<Value> {
        let volume = text(claim, "/spec/volumeName");
        let is_bound = !volume.is_empty();
        let capacity = text(claim, "/status/capacity/storage");
        let modes = cells::access_modes(items(claim, "/status/accessModes"));
        vec![
            cells::name(claim),
            volume_rules::phase(claim).into(),
            volume.into(),
            if is_bound { capacity } else { "" }.into(),
            if is_bound { modes } else { String::new() }.into(),
            text(claim, "/spec/storageClassName").into(),
            or(text(claim, "/spec/volumeAttributesClassName"), "<unset>").into(),
            cells::age(claim, now),
            or(text(claim, "/spec/volumeMode"), "<unset>").into(),
        ]
    }
}

/// The defaults of a claim's spec, which stand in templates of claims as well.
pub(super) fn default_spec(spec: &mut Value) {
    default_to(spec, "volumeMode", "Filesystem");
}

/// What is wrong with a claim's spec.
pub(super) fn validate_spec(spec: &Field<'_>, errors: &mut Errors) {
    let modes = spec.get("accessModes");
    volume_rules::access_modes(&modes, "at least 1 access mode is required", errors);
    checks::label_selector(&spec.get("selector"), errors);
    let resources = spec.get("resources");
    let place = resources.key("storage").path().clone();
    let storage = Field::at(place, resources.get("requests").get("storage").value());
    if storage.is_set() {
        quantities::positive(&storage, errors);
    } else {
        errors.push(storage.required(""));
    }
    checks::name(&spec.get("storageClassName"), names::dns_subdomain, errors);
    volume_rules::volume_mode(&spec.get("volumeMode"), errors);
}

/// A claim asks once; once bound, it may ask for more.
fn step(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let is_bound = old.get("status").get("phase").str() == "Bound";
    let allowed = with_mutable_fields_of(spec.value(), old_spec.value(), is_bound);
    if !same(&allowed, spec.value()) {
        let words = "spec is immutable after creation except resources.requests and \
                     volumeAttributesClassName for bound claims";
        errors.push(spec.forbidden(words));
    }
    let [wanted, before] = [&spec, &old_spec].map(wanted_storage);
    let capacity = old.get("status").get("capacity").get("storage");
    let [amount, amount_before, there] = [&wanted, &before, &capacity].map(amount);
    if amount < amount_before && amount <= there {
        errors.push(wanted.forbidden("field can not be less than status.capacity"));
    }
}

/// The old spec, with the new values where they may change. A volume or a class may be found for a claim that
/// named none.
fn with_mutable_fields_of(new: &Value, old: &Value, is_bound: bool) -> Value {
    let mut allowed = old.clone();
    for late in ["volumeName", "storageClassName"] {
        if let Some(value) = new.get(late) {
            default_to(&mut allowed, late, value.clone());
        }
    }
    if !is_bound {
        return allowed;
    }
    let requests = existing(&mut allowed, "resources").and_then(|map| ensure(map, "requests"));
    if let (Some(requests), Some(storage)) = (requests, new.pointer("/resources/requests/storage"))
    {
        requests["storage"] = storage.clone();
    }
    let class = "volumeAttributesClassName";
    remove(&mut allowed, class);
    if let Some(value) = new.get(class) {
        default_to(&mut allowed, class, value.clone());
    }
    allowed
}

fn wanted_storage<'a>(spec: &Field<'a>) -> Field<'a> {
    spec.get("resources").get("requests").get("storage")
}

fn amount(field: &Field<'_>) -> Quantity {
    Quantity::from_json(field.value()).unwrap_or(Quantity::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, words};

    fn claim() -> Value {
        json!({
            "metadata": {"name": "data", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        })
    }

    #[test]
    fn a_new_claim() {
        let created = created(&PersistentVolumeClaim, &claim());
        assert_eq!(created["status"], json!({"phase": "Pending"}));
        assert_eq!(created["spec"]["volumeMode"], "Filesystem");
        assert_eq!(create_errors(&PersistentVolumeClaim, &claim()), [""; 0]);
    }

    #[test]
    fn claims_in_the_list() {
        let mut bound = created(&PersistentVolumeClaim, &claim());
        let row = |status: &str, volume: &str, capacity: &str, modes: &str| {
            [
                ("Name", json!("data")),
                ("Status", json!(status)),
                ("Volume", json!(volume)),
                ("Capacity", json!(capacity)),
                ("Access Modes", json!(modes)),
                ("StorageClass", json!("")),
                ("VolumeAttributesClass", json!("<unset>")),
                ("Age", json!("5m")),
                ("VolumeMode", json!("Filesystem")),
            ]
        };
        assert_row(&PersistentVolumeClaim, &bound, &row("Pending", "", "", ""));
        bound["spec"]["volumeName"] = "pv1".into();
        bound["status"] = json!({"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]});
        assert_row(
            &PersistentVolumeClaim,
            &bound,
            &row("Bound", "pv1", "1Gi", "RWO"),
        );
    }

    #[test]
    fn what_users_get_wrong() {
        assert_eq!(
            create_errors(&PersistentVolumeClaim, &json!({"spec": {}})),
            [
                "spec.accessModes: Required value: at least 1 access mode is required",
                "spec.resources[storage]: Required value",
            ]
        );
        let mut wrong = claim();
        wrong["spec"]["accessModes"] = json!(["ReadWriteOncePod", "Sometimes"]);
        wrong["spec"]["resources"]["requests"]["storage"] = "0".into();
        assert_eq!(
            create_errors(&PersistentVolumeClaim, &wrong),
            [
                "spec.accessModes: Unsupported value: \"Sometimes\": supported values: \
                 \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
                "spec.resources[storage]: Invalid value: \"0\": must be greater than zero",
            ]
        );
    }

    #[test]
    fn what_may_change() {
        let step = |phase: &str, change: fn(&mut Value)| {
            let mut old = created(&PersistentVolumeClaim, &claim());
            old["status"] = json!({"phase": phase, "capacity": {"storage": "1Gi"}});
            let mut new = old.clone();
            change(&mut new["spec"]);
            words(&PersistentVolumeClaim.validate_update(&new, &old))
        };
        let refused = [
            "spec: Forbidden: spec is immutable after creation except resources.requests and \
                        volumeAttributesClassName for bound claims",
        ];
        assert_eq!(
            step("Pending", |spec| spec["volumeName"] = "pv1".into()),
            [""; 0]
        );
        assert_eq!(
            step("Pending", |spec| spec["storageClassName"] = "fast".into()),
            [""; 0]
        );
        assert_eq!(
            step("Bound", |spec| spec["resources"]["requests"]["storage"] =
                "2Gi".into()),
            [""; 0]
        );
        assert_eq!(
            step("Pending", |spec| spec["resources"]["requests"]["storage"] =
                "2Gi".into()),
            refused
        );
        assert_eq!(
            step("Bound", |spec| spec["accessModes"] =
                json!(["ReadOnlyMany"])),
            refused
        );
        assert_eq!(
            step("Bound", |spec| spec["resources"]["requests"]["storage"] =
                "512Mi".into()),
            [
                "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
            ]
        );
    }
}
