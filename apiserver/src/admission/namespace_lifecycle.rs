//! Nothing new in a namespace that is not there, or that is going.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use skiff_api::{Cause, Descriptor, GroupResource, Status, metadata};
use skiff_store::{Precondition, Snapshot};

use crate::codec::part_of;

/// Whether a namespace is going, which is all that is read of it: it is asked for with every new object.
#[derive(Deserialize)]
struct Namespace {
    metadata: Going,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Going {
    deletion_timestamp: Option<IgnoredAny>,
}

/// Refuses a new object of a namespace that cannot take it. What it returns must hold when the object is stored: that the
/// namespace is still as it was looked at.
pub(crate) fn namespace_guard(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    object: &Value,
) -> Result<Option<Precondition>, Status> {
    if !descriptor.is_namespaced() {
        return Ok(None);
    }
    let name = metadata::namespace(object);
    let Some(entry) = snapshot.get(&format!("/registry/core/namespaces/{name}")) else {
        let namespaces = GroupResource {
            group: "".into(),
            resource: "namespaces".into(),
        };
        return Err(Status::not_found(&namespaces, name));
    };
    let namespace: Namespace = part_of(&entry.value)?;
    if namespace.metadata.deletion_timestamp.is_none() {
        return Ok(Some(Precondition::AtRevision(
            entry.key.clone(),
            entry.revision,
        )));
    }
    Err(terminating(descriptor, object, name))
}

fn terminating(descriptor: &Descriptor, object: &Value, namespace: &str) -> Status {
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let resource = descriptor.group_resource();
    let mut status = Status::forbidden(&resource, metadata::name(object), &why);
    status.details.causes.push(Cause {
        reason: "NamespaceTerminating".to_owned(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_owned(),
    });
    status
}
