//! Questions about callers and rights: reviews, answered and forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use skiff_api::{Status, UserInfo};

use super::binding;
use crate::api::Api;
use crate::authn::AUTHENTICATED;
use crate::authz::{Attributes, ResourceAttributes};
use crate::encode;
use crate::request::{RequestInfo, WriteOptions, content_type, decode, not_allowed, read_body};
use crate::virtuals::Virtual;
use crate::writes::{Writer, Writes};

/// Answers a create of a resource that has no objects.
pub(super) async fn handle(
    api: &Arc<Api>,
    user: &UserInfo,
    info: &RequestInfo,
    resource: &Virtual,
    request: Request,
) -> Result<Response, Status> {
    if info.verb != "create" {
        return Err(not_allowed());
    }
    if resource.kind == "Binding" {
        let namespace = info.target.as_ref().map_or("", |target| &target.namespace);
        let writer = Writer {
            dry_run: WriteOptions::read(&info.query)?.dry_run,
            user: Some(user),
            ..Writer::default()
        };
        let pods = api.objects.core("pods")?;
        return binding::create(&Writes::new(api, &pods), namespace, request, writer).await;
    }
    encode::refuse_tables(request.headers())?;
    let (parts, body) = request.into_parts();
    let body = read_body(&parts, body).await?;
    let mut review = decode(content_type(&parts.headers), &body)?.value;
    if !review.is_object() {
        return Err(Status::bad_request("a review must be an object"));
    }
    let spec = review["spec"].clone();
    let status = match resource.kind {
        "TokenReview" => token_review(api, &spec),
        "SelfSubjectReview" => json!({"userInfo": user_json(user)}),
        "SelfSubjectAccessReview" => access_review(api, user, &spec)?,
        "SelfSubjectRulesReview" => rules_review(api, user, &spec)?,
        "LocalSubjectAccessReview" => {
            check_namespace(info, &spec)?;
            access_review(api, &named_user(&spec)?, &spec)?
        }
        _ => access_review(api, &named_user(&spec)?, &spec)?,
    };
    review["kind"] = resource.kind.into();
    review["apiVersion"] = format!("{}/{}", resource.group, resource.version).into();
    if review["metadata"].is_null() {
        review["metadata"] = json!({});
    }
    review["status"] = status;
    Ok(encode::json(StatusCode::CREATED, &review))
}

fn token_review(api: &Api, spec: &Value) -> Value {
    let token = spec["token"].as_str().unwrap_or_default();
    let mut audiences = strings(&spec["audiences"]);
    if audiences.is_empty() {
        audiences.push(api.tokens.issuer());
    }
    match api.tokens.verify(token, &audiences, &api.store.snapshot()) {
        Ok(mut verified) => {
            verified.user.groups.push(AUTHENTICATED.to_owned());
            json!({
                "authenticated": true,
                "user": user_json(&verified.user),
                "audiences": verified.audiences,
            })
        }
        Err(error) => json!({"authenticated": false, "user": {}, "error": error.to_string()}),
    }
}

fn access_review(api: &Api, user: &UserInfo, spec: &Value) -> Result<Value, Status> {
    let text = |pointer: &str| {
        spec.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let resource = spec["resourceAttributes"].is_object();
    let attributes = match (resource, spec["nonResourceAttributes"].is_object()) {
        (true, false) => Attributes::Resource(ResourceAttributes {
            verb: text("/resourceAttributes/verb"),
            group: text("/resourceAttributes/group"),
            resource: text("/resourceAttributes/resource"),
            subresource: text("/resourceAttributes/subresource"),
            namespace: text("/resourceAttributes/namespace"),
            name: text("/resourceAttributes/name"),
        }),
        (false, true) => Attributes::Path {
            verb: text("/nonResourceAttributes/verb"),
            path: text("/nonResourceAttributes/path"),
        },
        _ => {
            let message =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return Err(Status::bad_request(message));
        }
    };
    let (allowed, reason) = match api.authorizer.decide(user, &attributes) {
        Ok(grant) => (true, grant.to_string()),
        Err(reason) => (false, reason),
    };
    let mut status = json!({"allowed": allowed});
    if !reason.is_empty() {
        status["reason"] = reason.into();
    }
    Ok(status)
}

/// All that the user may do in a namespace (authorization.k8s.io/v1 SubjectRulesReviewStatus).
fn rules_review(api: &Api, user: &UserInfo, spec: &Value) -> Result<Value, Status> {
    let namespace = spec["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let rules = api.authorizer.rules_of(user, namespace);
    let rules = rules.into_iter().map(|rule| json!(rule));
    let (paths, resources): (Vec<_>, Vec<_>) =
        rules.partition(|rule| rule["nonResourceURLs"].is_array());
    Ok(json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false}))
}

/// A question about a namespace is asked there.
fn check_namespace(info: &RequestInfo, spec: &Value) -> Result<(), Status> {
    let asked = info.target.as_ref().map_or("", |target| &target.namespace);
    let named = spec.pointer("/resourceAttributes/namespace");
    if named.and_then(Value::as_str).unwrap_or_default() == asked {
        return Ok(());
    }
    let message = "spec.resourceAttributes.namespace must match metadata.namespace";
    Err(Status::bad_request(message))
}

fn named_user(spec: &Value) -> Result<UserInfo, Status> {
    let name = spec["user"].as_str().unwrap_or_default();
    let groups = strings(&spec["groups"]);
    if name.is_empty() && groups.is_empty() {
        let message = "at least one of user or group must be specified";
        return Err(Status::bad_request(message));
    }
    Ok(UserInfo::new(name, groups))
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn user_json(user: &UserInfo) -> Value {
    let mut shown = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        shown["uid"] = user.uid.as_str().into();
    }
    let extra: &BTreeMap<String, Vec<String>> = &user.extra;
    if !extra.is_empty() {
        shown["extra"] = json!(extra);
    }
    shown
}
