//! An object of any kind, as far as controllers of every kind ask for it.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::core::{DynamicObject, Resource};
use serde::{Deserialize, Deserializer};

/// An object by its metadata: the answer of the API server to who asks for a `PartialObjectMetadata`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Meta {
    #[serde(default, deserialize_with = "lean")]
    pub(crate) metadata: ObjectMeta,
}

/// What is read of the metadata. The rest, above all who owns which field, takes more than this and is asked for by nobody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lean {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    owner_references: Option<Vec<OwnerReference>>,
}

fn lean<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let lean = Lean::deserialize(from)?;
    Ok(ObjectMeta {
        name: lean.name,
        namespace: lean.namespace,
        uid: lean.uid,
        resource_version: lean.resource_version,
        deletion_timestamp: lean.deletion_timestamp,
        finalizers: lean.finalizers,
        owner_references: lean.owner_references,
        ..ObjectMeta::default()
    })
}

impl Resource for Meta {
    type DynamicType = <DynamicObject as Resource>::DynamicType;
    type Scope = <DynamicObject as Resource>::Scope;

    fn metadata_api() -> bool {
        true
    }

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        DynamicObject::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        DynamicObject::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        DynamicObject::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        DynamicObject::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asks_for_is_not_kept() {
        let answer = serde_json::json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": {
                "name": "a", "namespace": "default", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
                "labels": {"app": "a"}, "finalizers": ["foregroundDeletion"],
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "b", "uid": "v"}],
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:data": {}}}],
            },
        });
        let Meta { metadata } = serde_json::from_value(answer).unwrap();
        assert_eq!(metadata.uid.as_deref(), Some("u"));
        assert_eq!(metadata.resource_version.as_deref(), Some("7"));
        assert!(metadata.deletion_timestamp.is_some());
        assert_eq!(metadata.owner_references.unwrap()[0].uid, "v");
        assert_eq!(metadata.finalizers.unwrap(), ["foregroundDeletion"]);
        assert_eq!((metadata.labels, metadata.managed_fields), (None, None));
    }
}
