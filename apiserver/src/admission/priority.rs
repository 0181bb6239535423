//! A Pod's priority is a number that its class gives it.

use serde_json::Value;
use skiff_api::{Descriptor, Status, metadata};
use skiff_store::Snapshot;

use crate::codec::object_of;

const PREFIX: &str = "/registry/scheduling.k8s.io/priorityclasses/";
/// What a Pod without a class gets where no class is the default.
const DEFAULT_PRIORITY: i64 = 0;
const DEFAULT_POLICY: &str = "PreemptLowerPriority";

/// Gives a Pod the priority of its class.
pub(super) fn admit(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    pod: &mut Value,
) -> Result<(), Status> {
    let name = super::name_of(pod).to_owned();
    let forbidden = |why: String| Err(Status::forbidden(&descriptor.group_resource(), &name, &why));
    let wanted = pod["spec"]["priorityClassName"]
        .as_str()
        .unwrap_or_default();
    let class = match wanted {
        "" => default_class(snapshot),
        wanted => match snapshot.get(&format!("{PREFIX}{wanted}")) {
            Some(entry) => Some(object_of(&entry.value)?),
            None => {
                return forbidden(format!("no PriorityClass with name {wanted} was found"));
            }
        },
    };
    let spec = &mut pod["spec"];
    let (priority, policy) = match &class {
        Some(class) => {
            spec["priorityClassName"] = metadata::name(class).into();
            let policy = class["preemptionPolicy"].as_str().unwrap_or(DEFAULT_POLICY);
            (class["value"].as_i64().unwrap_or(DEFAULT_PRIORITY), policy)
        }
        None => (DEFAULT_PRIORITY, DEFAULT_POLICY),
    };
    let computed = "priority admission controller computed";
    let from = "from the given PriorityClass name";
    match spec["priority"].as_i64() {
        Some(given) if given != priority => forbidden(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; {computed} {priority} {from}"
        ))?,
        _ => spec["priority"] = priority.into(),
    }
    match spec["preemptionPolicy"].as_str() {
        Some(given) if given != policy => forbidden(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; {computed} {policy} {from}"
        )),
        _ => {
            spec["preemptionPolicy"] = policy.into();
            Ok(())
        }
    }
}

/// Refuses a second class that would be the default.
pub(super) fn check_class(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    class: &Value,
) -> Result<(), Status> {
    let name = metadata::name(class);
    let other = match class["globalDefault"] == true {
        true => classes(snapshot)
            .find(|other| other["globalDefault"] == true && metadata::name(other) != name),
        false => None,
    };
    let Some(other) = other else { return Ok(()) };
    let why = format!(
        "PriorityClass {} is already marked as globalDefault. Only one can be so marked",
        metadata::name(&other)
    );
    Err(Status::forbidden(&descriptor.group_resource(), name, &why))
}

/// The default class; of several the lowest.
fn default_class(snapshot: &Snapshot) -> Option<Value> {
    classes(snapshot)
        .filter(|class| class["globalDefault"] == true)
        .min_by_key(|class| class["value"].as_i64())
}

fn classes(snapshot: &Snapshot) -> impl Iterator<Item = Value> {
    snapshot
        .range(PREFIX, None)
        .filter_map(|entry| object_of(&entry.value).ok())
}
