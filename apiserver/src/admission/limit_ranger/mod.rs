//! LimitRanges: what containers get that say nothing, and what they may not ask for
//! (<https://kubernetes.io/docs/concepts/policy/limit-range/>).

mod constraints;
mod defaults;

use serde_json::Value;
use skiff_api::{Descriptor, Status, metadata};
use skiff_store::Snapshot;

use crate::codec::object_of;

/// Gives the containers of a new Pod the defaults of its namespace, and holds it against the bounds there.
pub(super) fn admit_pod(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    pod: &mut Value,
) -> Result<(), Status> {
    let ranges = limit_ranges(snapshot, metadata::namespace(pod));
    if ranges.is_empty() {
        return Ok(());
    }
    defaults::apply(&ranges, pod);
    refuse(descriptor, pod, constraints::of_pod(&ranges, &pod["spec"]))
}

/// Holds a Pod that is there against the bounds of its namespace.
pub(super) fn check_pod(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    pod: &Value,
) -> Result<(), Status> {
    let ranges = limit_ranges(snapshot, metadata::namespace(pod));
    refuse(descriptor, pod, constraints::of_pod(&ranges, &pod["spec"]))
}

/// Holds a claim against the bounds of its namespace.
pub(super) fn check_claim(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    claim: &Value,
) -> Result<(), Status> {
    let ranges = limit_ranges(snapshot, metadata::namespace(claim));
    let asked = &claim["spec"]["resources"]["requests"];
    refuse(descriptor, claim, constraints::of_claim(&ranges, asked))
}

fn refuse(descriptor: &Descriptor, object: &Value, wrong: Vec<String>) -> Result<(), Status> {
    let why = match wrong.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let name = super::name_of(object);
    Err(Status::forbidden(&descriptor.group_resource(), name, &why))
}

fn limit_ranges(snapshot: &Snapshot, namespace: &str) -> Vec<Value> {
    let prefix = format!("/registry/core/limitranges/{namespace}/");
    let entries = snapshot.range(&prefix, None);
    entries
        .filter_map(|entry| object_of(&entry.value).ok())
        .collect()
}

/// The items of all ranges that are about this type of thing.
fn items<'a>(ranges: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    let items = ranges
        .iter()
        .flat_map(|range| range["spec"]["limits"].as_array().into_iter().flatten());
    items.filter(move |item| item["type"] == kind)
}
