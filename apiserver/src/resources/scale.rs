//! The `scale` subresource: the count of a workload as an autoscaling/v1 Scale.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use skiff_api::field::{Error, Path};
use skiff_api::{PatchType, ScalePaths, Selector, Status, apply_patch, metadata};

use super::{Call, apply, patch};
use crate::admission::Part;
use crate::codec::object_of;
use crate::encode::{self, Accept};
use crate::matching::Operation;
use crate::request::{
    conform_as, content_type, decode, not_allowed, read_body, schema_named, unknown,
};

const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// Reads or writes the count.
pub(super) async fn handle(call: Call, body: Body) -> Result<Response, Status> {
    let paths = call.descriptor.subresources.scale.clone();
    let paths = paths.ok_or_else(unknown)?;
    let accept = Accept::read(&call.parts.headers, &call.info.query, true)?;
    let object = match call.info.verb {
        "get" => object_of(&call.object().await?.value)?,
        "update" => {
            let body = read_body(&call.parts, body).await?;
            let wanted = decode(content_type(&call.parts.headers), &body)?.value;
            write(&call, &paths, |_| Ok(wanted.clone())).await?
        }
        "patch" if apply::is_apply(&call) => apply_count(&call, &paths, body).await?,
        "patch" => {
            let (patch_type, patch, _) = patch::read(&call, body).await?;
            write(&call, &paths, |scale| {
                patched(patch_type, scale, &patch.value)
            })
            .await?
        }
        _ => return Err(not_allowed()),
    };
    let shown = scale_of(&object, &paths).to_string();
    encode::object(StatusCode::OK, &accept, &skiff_api::scale(), shown.into())
}

/// A Scale has no lists, so the two merging forms do the same to it.
fn patched(patch_type: PatchType, scale: &Value, patch: &Value) -> Result<Value, Status> {
    let form = match patch_type {
        PatchType::Strategic => PatchType::Merge,
        other => other,
    };
    apply_patch(form, scale, patch, &schema_named(SCALE)?)
}

async fn write(
    call: &Call,
    paths: &ScalePaths,
    mut change: impl FnMut(&Value) -> Result<Value, Status> + Send,
) -> Result<Value, Status> {
    let writer = call.writer()?;
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let old = call.storage.get_object(namespace, name).await?;
    let mut asked = change(&scale_of(&old, paths))?;
    let kind = ["autoscaling", "v1", "Scale"];
    call.consult(Operation::Update, kind, &mut asked).await?;
    let written = call
        .writes()
        .modify(namespace, name, Part::Main, writer, |old| {
            let mut scale = change(&scale_of(old, paths))?;
            conform_as(SCALE, &mut scale)?;
            let mut new = old.clone();
            set(&mut new, &paths.spec_replicas, replicas(&scale)?);
            let version = metadata::resource_version(&scale);
            new["metadata"]["resourceVersion"] = version.into();
            Ok(new)
        })
        .await?;
    object_of(&written.object)
}

/// Applies a Scale: who does so owns the count of the object.
async fn apply_count(call: &Call, paths: &ScalePaths, body: Body) -> Result<Value, Status> {
    let writer = apply::writer(call)?;
    let (mut scale, _) = apply::decode_config(&call.parts, body).await?;
    conform_as(SCALE, &mut scale)?;
    let mut config = json!({
        "apiVersion": call.descriptor.api_version(),
        "kind": call.descriptor.kind,
    });
    let version = metadata::resource_version(&scale);
    if !version.is_empty() {
        config["metadata"]["resourceVersion"] = version.into();
    }
    if !scale["spec"]["replicas"].is_null() {
        let count = Value::from(replicas(&scale)?);
        let steps = paths.spec_replicas.split('/').skip(1);
        *steps.fold(&mut config, |at, step| &mut at[step]) = count;
    }
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let force = apply::force(&call.info);
    let writes = call.writes();
    let written = writes
        .modify(namespace, name, Part::Main, writer, |old| {
            writes.applied(Some(old), &config, writer, force)
        })
        .await?;
    object_of(&written.object)
}

fn replicas(scale: &Value) -> Result<i64, Status> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if (0..=i64::from(i32::MAX)).contains(&replicas) {
        return Ok(replicas);
    }
    let path = Path::root("spec").child("replicas");
    let error = Error::invalid(&path, replicas, "must be greater than or equal to 0");
    let kind = skiff_api::GroupKind {
        group: "autoscaling".into(),
        kind: "Scale".into(),
    };
    Err(Status::invalid(&kind, metadata::name(scale), &[error]))
}

/// Sets a value at a JSON pointer whose parent is there.
fn set(object: &mut Value, pointer: &str, value: i64) {
    let Some((parent, field)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(parent)) = object.pointer_mut(parent) {
        parent.insert(field.to_owned(), value.into());
    }
}

/// A selector that is a map of labels, as ReplicationControllers have it.
fn pairs(labels: &Map<String, Value>) -> String {
    let pair =
        |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
    labels.iter().map(pair).collect::<Vec<_>>().join(",")
}

fn scale_of(object: &Value, paths: &ScalePaths) -> Value {
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let from = &object["metadata"];
    let mut metadata = json!({});
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if !from[field].is_null() {
            metadata[field] = from[field].clone();
        }
    }
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": count(&paths.spec_replicas)},
        "status": {"replicas": count(&paths.status_replicas)},
    });
    let selector = paths.selector.as_ref();
    if let Some(selector) = selector.and_then(|pointer| object.pointer(pointer)) {
        let text = match selector {
            Value::String(text) => text.clone(),
            Value::Object(labels) if labels.values().all(Value::is_string) => pairs(labels),
            object => Selector::from_object(object, &Path::root("spec"))
                .map(|selector| selector.to_string())
                .unwrap_or_default(),
        };
        scale["status"]["selector"] = text.into();
    }
    scale
}
