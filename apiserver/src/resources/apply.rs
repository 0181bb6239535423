//! Server-side apply: a configuration that is merged into an object, or makes it.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde_json::Value;
use skiff_api::field::{Error, Path};
use skiff_api::{FieldValidation, Reason, Sent, Status, metadata};

use super::Call;
use super::names::{check_name, check_namespace};
use crate::admission::Part;
use crate::authz;
use crate::encode;
use crate::request::{
    FIELD_MANAGER, RequestInfo, Target, check_kind, content_type, decode, field_validation,
    options_kind, read_body, repeated_key,
};
use crate::writes::{ATTEMPTS, Writer};

/// The form of such a patch.
pub(super) const CONTENT_TYPE: &str = "application/apply-patch+yaml";

/// Whether a patch is to be applied.
pub(super) fn is_apply(call: &Call) -> bool {
    content_type(&call.parts.headers) == CONTENT_TYPE
}

/// A configuration, and who applies it to which part of an object.
struct Apply<'a> {
    call: &'a Call,
    writer: Writer<'a>,
    part: Part,
    config: Value,
    /// What is wrong with its text, if a key stands twice.
    repeated: Option<String>,
}

/// Applies a configuration to a part of an object; an object that is not there is made.
pub(super) async fn handle(call: Call, body: Body, part: Part) -> Result<Response, Status> {
    let accept = call.accept()?;
    let apply = Apply::read(&call, body, part).await?;
    let mut raced = Status::modified(&call.descriptor.group_resource(), &call.target.name);
    for _ in 0..ATTEMPTS {
        let target = &call.target;
        let stands = call.storage.get(&target.namespace, &target.name).await;
        let (code, done, lost) = match stands {
            Ok(_) => (StatusCode::OK, apply.change().await, Reason::NotFound),
            Err(status) if status.reason == Reason::NotFound && part == Part::Main => {
                let made = apply.create().await;
                (StatusCode::CREATED, made, Reason::AlreadyExists)
            }
            Err(status) => return Err(status),
        };
        match done {
            Ok((object, warnings)) => {
                let response = encode::object(code, &accept, &call.descriptor, object)?;
                return Ok(encode::warn(response, &warnings));
            }
            Err(status) if status.reason == lost => raced = status,
            Err(status) => return Err(status),
        }
    }
    Err(raced)
}

/// Who applies; 422 if he does not say his name.
pub(super) fn writer(call: &Call) -> Result<Writer<'_>, Status> {
    if call.info.query.get(FIELD_MANAGER).is_none() {
        let error = Error::required(&Path::root(FIELD_MANAGER), "is required for apply patch");
        return Err(Status::invalid(&options_kind("patch"), "", &[error]));
    }
    Ok(Writer {
        applies: true,
        ..call.writer()?
    })
}

/// Whether he takes fields that others own.
pub(super) fn force(info: &RequestInfo) -> bool {
    info.query.flag("force")
}

/// 422 for a patch of another form that is to be forced.
pub(super) fn check_not_forced(info: &RequestInfo) -> Result<(), Status> {
    if info.query.get("force").is_none() {
        return Ok(());
    }
    let error = Error::forbidden(
        &Path::root("force"),
        "may not be specified for non-apply patch",
    );
    Err(Status::invalid(&options_kind("patch"), "", &[error]))
}

/// Reads a configuration, which is JSON or YAML; also answers with what is wrong if a key stands twice in it.
pub(super) async fn decode_config(
    parts: &Parts,
    body: Body,
) -> Result<(Value, Option<String>), Status> {
    let body = read_body(parts, body).await?;
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let form = if is_json {
        "application/json"
    } else {
        "application/yaml"
    };
    let decoded = decode(form, &body).map_err(|status| {
        Status::bad_request(format!("error decoding YAML: {}", status.message))
    })?;
    let may_repeat = !is_json || !decoded.duplicates.is_empty();
    let repeated = may_repeat.then(|| repeated_key(&body)).flatten();
    Ok((decoded.value, repeated))
}

impl<'a> Apply<'a> {
    /// Reads the configuration of the object that the path names.
    async fn read(call: &'a Call, body: Body, part: Part) -> Result<Self, Status> {
        let writer = writer(call)?;
        let (mut config, repeated) = decode_config(&call.parts, body).await?;
        check_kind(&call.descriptor, &mut config)?;
        check_name(&mut config, &call.target.name)?;
        if call.descriptor.is_namespaced() {
            let namespace = &call.target.namespace;
            check_namespace(
                &config,
                namespace,
                "the namespace of the provided object does not match the namespace sent on the request",
            )?;
            config["metadata"]["namespace"] = namespace.as_str().into();
        }
        limit(&mut config, part, call.descriptor.subresources.status);
        Ok(Self {
            call,
            writer,
            part,
            config,
            repeated,
        })
    }

    async fn change(&self) -> Result<(Bytes, Vec<String>), Status> {
        let Target {
            namespace, name, ..
        } = &self.call.target;
        let writes = self.call.writes();
        let mut warnings = Vec::new();
        let written = writes
            .modify(namespace, name, self.part, self.writer, |old| {
                let force = force(&self.call.info);
                let mut new = writes.applied(Some(old), &self.config, self.writer, force)?;
                warnings = self.finish(&mut new)?;
                Ok(new)
            })
            .await?;
        Ok((written.object, warnings))
    }

    /// Who may patch needs the right to create as well.
    async fn create(&self) -> Result<(Bytes, Vec<String>), Status> {
        let call = self.call;
        let info = RequestInfo {
            verb: "create",
            ..RequestInfo::clone(&call.info)
        };
        authz::authorize(&call.api.authorizer, &info, &call.user)?;
        let uid = metadata::uid(&self.config);
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            let resource = call.descriptor.group_resource();
            return Err(Status::conflict(&resource, &call.target.name, &why));
        }
        let writes = call.writes();
        let mut object = writes.applied(None, &self.config, self.writer, false)?;
        let warnings = self.finish(&mut object)?;
        let namespace = &call.target.namespace;
        let stored = writes.create(namespace, object, self.writer).await?;
        Ok((stored, warnings))
    }

    /// Holds the whole object against its schema, once more and to the letter; answers with warnings.
    fn finish(&self, object: &mut Value) -> Result<Vec<String>, Status> {
        let descriptor = &self.call.descriptor;
        let validation = field_validation(&self.call.info.query)?;
        let mut warnings = descriptor.conform(object, Sent::default(), validation)?;
        match (&self.repeated, validation) {
            (Some(why), FieldValidation::Strict) => {
                let message = format!("error strict decoding YAML: {why}");
                return Err(Status::bad_request(message));
            }
            (Some(why), FieldValidation::Warn) => warnings.push(why.clone()),
            _ => {}
        }
        warnings.extend(descriptor.strategy.warnings(object));
        Ok(warnings)
    }
}

/// Leaves out what the part does not write, so that nobody comes to own it.
fn limit(config: &mut Value, part: Part, status_apart: bool) {
    let Some(fields) = config.as_object_mut() else {
        return;
    };
    match part {
        Part::Main if status_apart => drop(fields.remove("status")),
        Part::Status => fields.retain(|field, _| {
            matches!(
                field.as_str(),
                "apiVersion" | "kind" | "metadata" | "status"
            )
        }),
        _ => {}
    }
}
