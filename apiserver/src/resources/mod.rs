//! The fifth step: what is done to a resource, one file for each way to treat one.

mod apply;
mod binding;
mod component_statuses;
mod conditions;
mod consult;
mod eviction;
mod names;
mod objects;
mod patch;
mod proxy;
mod reviews;
mod scale;
mod streams;
mod token;
mod usage;

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use skiff_api::{Descriptor, Status, UserInfo, has_protobuf};
use skiff_store::Entry;

use crate::admission::Part;
use crate::api::Api;
use crate::encode::{self, Accept, Failure};
use crate::matching::Warnings;
use crate::request::{
    DeleteOptions, RequestInfo, Target, WriteOptions, field_manager, not_allowed, resource_version,
    unknown,
};
use crate::storage::Storage;
use crate::virtuals;
use crate::writes::{Writer, Writes};

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
    /// Changes the objects of the kind.
    fn writes(&self) -> Writes<'_> {
        Writes::new(&self.api, &self.storage)
    }

    /// The object of the name, as new as is asked for.
    async fn object(&self) -> Result<Entry, Status> {
        let version = resource_version(&self.info.query)?;
        let (namespace, name) = (&self.target.namespace, &self.target.name);
        self.storage.read(namespace, name, version).await
    }

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
        if resource.resource == virtuals::COMPONENT_STATUSES {
            return component_statuses::handle(&api, &info, &target, request).await;
        }
        if resource.group == virtuals::METRICS {
            return usage::handle(&api, &info, &target, resource).await;
        }
        return reviews::handle(&api, &user, &info, resource, request).await;
    }
    let descriptor = api.kinds.of_target(&target).ok_or_else(unknown)?;
    check_place(&descriptor, &target, info.verb)?;
    if let Some(words) = descriptor.strategy.deprecation() {
        warnings.add(words);
    }
    let storage = api.objects.of(&descriptor);
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
        ("pods", "resize") if is_core => objects::handle_part(call, body, Part::Resize).await,
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
