//! A Pod's priority is a number that its class gives it.

use serde_json::Value;
use skiff_api::{Descriptor, Status, metadata};

/// The classes that every cluster has.
const SYSTEM_CLASSES: [(&str, i64); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];

pub(super) fn admit(descriptor: &Descriptor, pod: &mut Value) -> Result<(), Status> {
    let name = metadata::name(pod).to_owned();
    let forbidden = |why: String| Err(Status::forbidden(&descriptor.group_resource(), &name, &why));
    let spec = &mut pod["spec"];
    let priority = match spec["priorityClassName"].as_str().unwrap_or_default() {
        "" => 0,
        class => match SYSTEM_CLASSES.iter().find(|(name, _)| *name == class) {
            Some((_, priority)) => *priority,
            None => return forbidden(format!("no PriorityClass with name {class} was found")),
        },
    };
    match spec["priority"].as_i64() {
        Some(given) if given != priority => {
            return forbidden(format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
            ));
        }
        _ => spec["priority"] = priority.into(),
    }
    if spec["preemptionPolicy"].is_null() {
        spec["preemptionPolicy"] = "PreemptLowerPriority".into();
    }
    Ok(())
}
