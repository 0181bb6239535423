//! Objects as such: get, list, watch, create, update, patch, delete, deletecollection, and their parts.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use skiff_api::{Status, metadata};
use tokio_util::sync::CancellationToken;

use super::names::{check_name, check_namespace};
use super::{Call, patch};
use crate::admission::Part;
use crate::admission::permit_delete;
use crate::authz::node_of;
use crate::codec::object_of;
use crate::encode;
use crate::limits::Place;
use crate::request::{
    DeleteOptions, ListOptions, Shutdown, decode_as, decode_object, not_allowed, read_body,
};
use crate::storage::Filter;
use crate::writes::Written;

const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// An object, or a collection of them.
pub(super) async fn handle(call: Call, body: Body) -> Result<Response, Status> {
    let verb = call.info.verb;
    let mut verbs = call.descriptor.verbs.iter();
    if !verbs.any(|known| known.as_str() == verb) {
        return Err(not_allowed());
    }
    match verb {
        "get" => get(&call).await,
        "list" => list(&call).await,
        "watch" => watch(&call).await,
        "create" if call.target.name.is_empty() => create(call, body).await,
        "update" => update(call, body, Part::Main).await,
        "patch" => patch::handle(call, body, Part::Main).await,
        "delete" => delete(&call, body).await,
        "deletecollection" => delete_collection(&call, body).await,
        _ => Err(not_allowed()),
    }
}

/// A part of an object that is written apart.
pub(super) async fn handle_part(call: Call, body: Body, part: Part) -> Result<Response, Status> {
    match call.info.verb {
        "get" if part != Part::Finalizers => get(&call).await,
        "update" => update(call, body, part).await,
        "patch" if part != Part::Finalizers => patch::handle(call, body, part).await,
        _ => Err(not_allowed()),
    }
}

async fn get(call: &Call) -> Result<Response, Status> {
    let accept = call.accept()?;
    let entry = call.object().await?;
    encode::object(StatusCode::OK, &accept, &call.descriptor, entry.value)
}

async fn list(call: &Call) -> Result<Response, Status> {
    let accept = call.accept()?;
    let options = ListOptions::read(&call.info.query)?;
    let filter = Filter::read(&call.descriptor, &options)?;
    let listing = call
        .storage
        .list(&call.target.namespace, &options, &filter)
        .await?;
    encode::list(&accept, &call.descriptor, listing)
}

async fn watch(call: &Call) -> Result<Response, Status> {
    let accept = call.accept()?;
    let options = ListOptions::read(&call.info.query)?;
    let filter = Filter::read(&call.descriptor, &options)?;
    let shutdown = match call.parts.extensions.get::<Shutdown>() {
        Some(Shutdown(token)) => token.clone(),
        None => CancellationToken::new(),
    };
    let feed = call
        .storage
        .watch(&call.target.namespace, &options, filter, shutdown)
        .await?;
    let place = call.parts.extensions.get::<Place>().cloned();
    let guard = (place, call.api.metrics.long_running());
    let (lines, descriptor) = (Arc::clone(&call.api.lines), call.descriptor.clone());
    Ok(encode::watch(lines, accept, descriptor, feed, guard))
}

async fn create(call: Call, body: Body) -> Result<Response, Status> {
    let accept = call.accept()?;
    let writer = call.writer()?;
    let (object, mut warnings) = read_object(&call, body).await?;
    let namespace = &call.target.namespace;
    check_namespace(
        &object,
        namespace,
        "the namespace of the provided object does not match the namespace sent on the request",
    )?;
    warnings.extend(call.descriptor.strategy.warnings(&object));
    let stored = call.writes().create(namespace, object, writer).await?;
    let response = encode::object(StatusCode::CREATED, &accept, &call.descriptor, stored)?;
    Ok(encode::warn(response, &warnings))
}

async fn update(call: Call, body: Body, part: Part) -> Result<Response, Status> {
    let accept = call.accept()?;
    let writer = call.writer()?;
    let (mut object, mut warnings) = read_object(&call, body).await?;
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    check_name(&mut object, name)?;
    if call.descriptor.is_namespaced() {
        let message = format!(
            "the namespace of the object ({}) does not match the namespace on the request ({namespace})",
            metadata::namespace(&object)
        );
        check_namespace(&object, namespace, &message)?;
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    warnings.extend(call.descriptor.strategy.warnings(&object));
    let written = call
        .writes()
        .modify(namespace, name, part, writer, |_| Ok(object.clone()))
        .await?;
    let response = encode::object(StatusCode::OK, &accept, &call.descriptor, written.object)?;
    Ok(encode::warn(response, &warnings))
}

async fn read_object(call: &Call, body: Body) -> Result<(Value, Vec<String>), Status> {
    let body = read_body(&call.parts, body).await?;
    decode_object(
        &call.descriptor,
        &call.parts.headers,
        &body,
        &call.info.query,
    )
}

async fn delete_options(call: &Call, body: Body) -> Result<DeleteOptions, Status> {
    let body = read_body(&call.parts, body).await?;
    let options = if body.is_empty() {
        Value::Null
    } else {
        decode_as(DELETE_OPTIONS, &call.parts.headers, &body)?
    };
    DeleteOptions::read(&call.info.query, &options)
}

async fn delete(call: &Call, body: Body) -> Result<Response, Status> {
    let accept = call.accept()?;
    let options = delete_options(call, body).await?;
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    if let Some(node) = node_of(&call.user) {
        let object = call.storage.get_object(namespace, name).await?;
        permit_delete(node, &call.descriptor, &object)?;
    }
    let Written { object, gone } = call
        .writes()
        .delete(namespace, name, &options, call.delete_writer(&options))
        .await?;
    if gone {
        let uid = metadata::uid(&object_of(&object)?).to_owned();
        Ok(encode::success(&call.descriptor, name, &uid))
    } else {
        encode::object(StatusCode::OK, &accept, &call.descriptor, object)
    }
}

async fn delete_collection(call: &Call, body: Body) -> Result<Response, Status> {
    let accept = call.accept()?;
    let options = delete_options(call, body).await?;
    let list = ListOptions::read(&call.info.query)?;
    let filter = Filter::read(&call.descriptor, &list)?;
    let namespace = &call.target.namespace;
    let listing = call
        .writes()
        .delete_collection(
            namespace,
            &list,
            &filter,
            &options,
            call.delete_writer(&options),
        )
        .await?;
    encode::list(&accept, &call.descriptor, listing)
}
