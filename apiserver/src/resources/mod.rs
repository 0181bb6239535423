//! The fifth step: what is done to a resource, one file for each way to treat one.

mod apply;
mod binding;
mod component_statuses;
mod conditions;
mod consult;
mod eviction;
mod objects;
mod patch;
mod proxy;
mod reviews;
mod scale;
mod streams;
mod token;
mod usage;
mod virtuals;

pub(crate) use proxy::of_service;
pub(crate) use virtuals::{SUBRESOURCES, VIRTUALS, Virtual};

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use skiff_api::{CustomResource, Descriptor, Reason, Status, UserInfo, has_protobuf};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::encode::{self, Accept, Failure};
use crate::request::{DeleteOptions, RequestInfo, Target, WriteOptions, field_manager};
use crate::storage::{Part, Storage, Writer};
use crate::webhooks::Warnings;

/// Ends the watches of a connection that is to be closed; an extension of its requests.
#[derive(Clone)]
pub(crate) struct Shutdown(pub(crate) CancellationToken);

/// A request for a resource, and all that is known of it.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) info: Arc<RequestInfo>,
    pub(crate) user: Arc<UserInfo>,
    pub(crate) target: Target,
    pub(crate) parts: Parts,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) storage: Storage,
    /// What webhooks want the user to know.
    pub(crate) warnings: Arc<Warnings>,
}

impl Call {
    /// The form of the answer.
    fn accept(&self) -> Result<Accept, Status> {
        let has_protobuf = has_protobuf(&self.descriptor.api_version(), &self.descriptor.kind);
        Accept::read(&self.parts.headers, &self.info.query, has_protobuf)
    }

    /// Who writes, and how.
    fn writer(&self) -> Result<Writer<'_>, Status> {
        let options = WriteOptions::read(&self.info.query)?;
        Ok(Writer {
            dry_run: options.dry_run,
            user: Some(&self.user),
            manager: field_manager(&self.info, &self.parts.headers)?,
            subresource: &self.target.subresource,
            applies: false,
            warnings: Some(&self.warnings),
        })
    }

    /// Who deletes, and how.
    fn delete_writer(&self, options: &DeleteOptions) -> Writer<'_> {
        Writer {
            dry_run: options.dry_run,
            user: Some(&self.user),
            subresource: &self.target.subresource,
            warnings: Some(&self.warnings),
            ..Writer::default()
        }
    }
}

/// Serves every path that is no route of its own.
pub(crate) async fn handle(
    State(api): State<Arc<Api>>,
    Extension(info): Extension<Arc<RequestInfo>>,
    Extension(user): Extension<Arc<UserInfo>>,
    request: Request,
) -> Response {
    let warnings = Arc::new(Warnings::default());
    let response = match dispatch(api, info, user, request, &warnings).await {
        Ok(response) => response,
        Err(status) => Failure(status).into_response(),
    };
    encode::warn(response, &warnings.take())
}

async fn dispatch(
    api: Arc<Api>,
    info: Arc<RequestInfo>,
    user: Arc<UserInfo>,
    request: Request,
    warnings: &Arc<Warnings>,
) -> Result<Response, Status> {
    let target = info.target.clone().ok_or_else(unknown)?;
    if let Some(resource) = virtuals::find(&target) {
        if resource.resource == component_statuses::NAME {
            return component_statuses::handle(&api, &info, &target, request).await;
        }
        if resource.group == usage::GROUP {
            return usage::handle(&api, &info, &target, resource).await;
        }
        return reviews::handle(&api, &user, &info, resource, request).await;
    }
    let descriptor = descriptor(&api, &target).ok_or_else(unknown)?;
    check_place(&descriptor, &target, info.verb)?;
    let custom = descriptor.strategy.custom();
    if let Some(words) = custom.and_then(CustomResource::deprecation) {
        warnings.add(words);
    }
    let storage = Storage::new(&api, &descriptor);
    let (parts, body) = request.into_parts();
    let call = Call {
        api,
        info,
        user,
        target,
        parts,
        descriptor,
        storage,
        warnings: Arc::clone(warnings),
    };
    let is_core = call.descriptor.group.is_empty();
    match (
        call.descriptor.plural.as_ref(),
        call.target.subresource.as_str(),
    ) {
        (_, "") => objects::handle(call, body).await,
        (_, "status") if call.descriptor.subresources.status => {
            objects::handle_part(call, body, Part::Status).await
        }
        ("certificatesigningrequests", "approval") => {
            objects::handle_part(call, body, Part::Approval).await
        }
        (_, "scale") if call.descriptor.subresources.scale.is_some() => {
            scale::handle(call, body).await
        }
        ("namespaces", "finalize") if is_core => {
            objects::handle_part(call, body, Part::Finalizers).await
        }
        ("pods", "ephemeralcontainers") if is_core => {
            objects::handle_part(call, body, Part::EphemeralContainers).await
        }
        ("pods", "binding") if is_core => binding::handle(call, body).await,
        ("pods", "eviction") if is_core => eviction::handle(call, body).await,
        ("pods", "log" | "exec" | "attach" | "portforward") if is_core => {
            streams::handle(call, body).await
        }
        ("pods" | "services" | "nodes", "proxy") if is_core => proxy::handle(call, body).await,
        ("serviceaccounts", "token") if is_core => token::handle(call, body).await,
        _ => Err(unknown()),
    }
}

/// Whether there is such a resource, so that it may become the label of a metric.
pub(crate) fn is_served(api: &Api, target: &Target) -> bool {
    let subresource = target.subresource.as_str();
    virtuals::find(target).is_some()
        || descriptor(api, target).is_some_and(|descriptor| {
            subresource.is_empty()
                || (subresource == "status" && descriptor.subresources.status)
                || (subresource == "scale" && descriptor.subresources.scale.is_some())
                || virtuals::of(&descriptor).any(|known| known.subresource == subresource)
        })
}

fn descriptor(api: &Api, target: &Target) -> Option<Arc<Descriptor>> {
    api.registry
        .get(&target.group, &target.version, &target.resource)
}

/// A namespace belongs before the objects that live in one, and before no other.
fn check_place(descriptor: &Descriptor, target: &Target, verb: &str) -> Result<(), Status> {
    let is_namespace = descriptor.group.is_empty() && descriptor.plural == "namespaces";
    let namespaced = !target.namespace.is_empty();
    if descriptor.is_namespaced() {
        let needs = matches!(verb, "get" | "update" | "patch" | "delete");
        if !namespaced && verb == "create" {
            let message = "an empty namespace may not be set during creation";
            return Err(Status::bad_request(message));
        }
        if !namespaced && needs {
            return Err(unknown());
        }
        // As in Kubernetes: what is listed over all namespaces is deleted in one at a time.
        if !namespaced && verb == "deletecollection" {
            return Err(not_allowed());
        }
    } else if namespaced && !is_namespace {
        return Err(unknown());
    }
    Ok(())
}

/// 404, for a path that means nothing.
pub(crate) fn unknown() -> Status {
    Status::new(
        Reason::NotFound,
        "the server could not find the requested resource",
    )
}

/// 405.
pub(crate) fn not_allowed() -> Status {
    Status::new(
        Reason::MethodNotAllowed,
        "the server does not allow this method on the requested resource",
    )
}
