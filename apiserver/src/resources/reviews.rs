//! Questions about callers and rights: reviews, answered and forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use skiff_api::{Status, UserInfo};

use super::{Virtual, binding, not_allowed};
use crate::api::Api;
use crate::authn::AUTHENTICATED;
use crate::authz::Attributes;
use crate::encode;
use crate::request::{RequestInfo, WriteOptions, content_type, decode, read_body};
use crate::storage::Writer;

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
        };
        return binding::create(&api.core("pods")?, namespace, request, writer).await;
    }
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    let mut review = decode(content_type(&parts.headers), &body)?.value;
    if !review.is_object() {
        return Err(Status::bad_request("a review must be an object"));
    }
    let spec = review["spec"].clone();
    let status = match resource.kind {
        "TokenReview" => token_review(api, &spec),
        "SelfSubjectReview" => json!({"userInfo": user_json(user)}),
        "SelfSubjectAccessReview" => access_review(api, user, &spec)?,
        "SelfSubjectRulesReview" => api.authorizer.rules_of(user),
        _ => access_review(api, &named_user(&spec), &spec)?,
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
    let attributes = if spec["resourceAttributes"].is_object() {
        let (resource, subresource) = (
            text("/resourceAttributes/resource"),
            text("/resourceAttributes/subresource"),
        );
        Attributes::Resource {
            verb: text("/resourceAttributes/verb"),
            group: text("/resourceAttributes/group"),
            resource: if subresource.is_empty() {
                resource.to_owned()
            } else {
                format!("{resource}/{subresource}")
            },
            name: text("/resourceAttributes/name"),
        }
    } else if spec["nonResourceAttributes"].is_object() {
        Attributes::Path {
            verb: text("/nonResourceAttributes/verb"),
            path: text("/nonResourceAttributes/path"),
        }
    } else {
        let message =
            "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        return Err(Status::bad_request(message));
    };
    Ok(json!({"allowed": api.authorizer.allows(user, &attributes)}))
}

fn named_user(spec: &Value) -> UserInfo {
    let name = spec["user"].as_str().unwrap_or_default();
    UserInfo::new(name, strings(&spec["groups"]))
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
