//! From client-side to server-side apply: the annotation in which `kubectl apply` remembers what it applied
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply>).

use serde_json::Value;

use super::compare::compare;
use super::configured::fields_of;
use super::place::Place;
use super::set::FieldSet;
use super::strip;
use crate::{Schema, metadata};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields that kubectl applied from the client, as far as they still stand so: it may take them over.
pub(super) fn allowed(live: &Value, schema: &Schema) -> FieldSet {
    let applied = metadata::annotation(live, LAST_APPLIED);
    let applied = applied.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(mut applied) = applied else {
        return FieldSet::default();
    };
    schema.prune(&mut applied);
    let mut fields = fields_of(Place::root(schema), &applied);
    strip(&mut fields);
    let change = compare(schema, live, &applied);
    fields.subtract(&change.taken);
    fields.subtract(&change.removed);
    fields
}

/// Notes in the annotation, if there is one, what was applied, so that `kubectl apply` from the client goes on from there.
pub(super) fn renew(object: &mut Value, config: &Value) {
    if metadata::annotation(object, LAST_APPLIED).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(Value::Object(annotations)) = config.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
    object["metadata"]["annotations"][LAST_APPLIED] = format!("{config}\n").into();
}
