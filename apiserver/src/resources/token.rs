//! `serviceaccounts/token`: a token on request (authentication.k8s.io/v1 TokenRequest).

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use skiff_api::field::{Error, Path};
use skiff_api::{GroupKind, GroupResource, Status, metadata};

use super::Call;
use crate::authn::{Binding, Grant};
use crate::authz::node_of;
use crate::encode;
use crate::matching::Operation;
use crate::request::{decode_as, not_allowed, read_body};

const TOKEN_REQUEST: &str = "io.k8s.api.authentication.v1.TokenRequest";
const DEFAULT_SECONDS: i64 = 3600;
const MIN_SECONDS: i64 = 600;
const MAX_SECONDS: i64 = 1 << 32;

/// Issues a token for a service account.
pub(super) async fn handle(call: Call, body: Body) -> Result<Response, Status> {
    if call.info.verb != "create" {
        return Err(not_allowed());
    }
    let body = read_body(&call.parts, body).await?;
    let mut request = decode_as(TOKEN_REQUEST, &call.parts.headers, &body)?;
    let kind = ["authentication.k8s.io", "v1", "TokenRequest"];
    call.consult(Operation::Create, kind, &mut request).await?;
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let account = call.storage.get_object(namespace, name).await?;
    let now = Timestamp::now().as_second();
    let expires_at = now + seconds(&request, name)?;
    let mut grant = Grant {
        namespace: namespace.clone(),
        service_account: binding(&account),
        pod: None,
        node: None,
        secret: None,
        audiences: audiences(&request, &call.api.tokens.issuer()),
        issued_at: now,
        expires_at,
    };
    bind(&call, &request["spec"]["boundObjectRef"], &mut grant).await?;
    if let Some(node) = node_of(&call.user) {
        check_node(&call, node, &grant).await?;
    }
    let audiences = grant.audiences.clone();
    let token = call.api.tokens.issue(grant).map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        Status::internal("the token could not be signed")
    })?;
    request["kind"] = "TokenRequest".into();
    request["apiVersion"] = "authentication.k8s.io/v1".into();
    request["metadata"] = json!({"name": name, "namespace": namespace});
    request["spec"]["audiences"] = audiences.into();
    request["spec"]["expirationSeconds"] = (expires_at - now).into();
    let end = Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_secs(expires_at));
    let end = end.unwrap_or(Timestamp::MAX).to_string();
    request["status"] = json!({"token": token, "expirationTimestamp": end});
    Ok(encode::json(StatusCode::CREATED, &request))
}

fn binding(object: &Value) -> Binding {
    Binding {
        name: metadata::name(object).to_owned(),
        uid: metadata::uid(object).to_owned(),
    }
}

fn audiences(request: &Value, default: &str) -> Vec<String> {
    let named = request["spec"]["audiences"].as_array();
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    let named: Vec<String> = named.map(str::to_owned).collect();
    if named.is_empty() {
        vec![default.to_owned()]
    } else {
        named
    }
}

fn seconds(request: &Value, name: &str) -> Result<i64, Status> {
    let seconds = &request["spec"]["expirationSeconds"];
    let seconds = seconds.as_i64().unwrap_or(DEFAULT_SECONDS);
    let why = match seconds {
        ..MIN_SECONDS => "may not specify a duration less than 10 minutes",
        MIN_SECONDS..=MAX_SECONDS => return Ok(seconds),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let kind = GroupKind {
        group: "authentication.k8s.io".into(),
        kind: "TokenRequest".into(),
    };
    let path = Path::root("spec").child("expirationSeconds");
    Err(Status::invalid(
        &kind,
        name,
        &[Error::invalid(&path, seconds, why)],
    ))
}

/// A node gets tokens for its own Pods alone (the plugin NodeRestriction).
async fn check_node(call: &Call, node: &str, grant: &Grant) -> Result<(), Status> {
    let why = match &grant.pod {
        None => "node requested token not bound to a pod",
        Some(pod) => {
            let pod = find(call, "pods", &grant.namespace, &pod.name).await;
            if pod.is_ok_and(|pod| pod["spec"]["nodeName"] == node) {
                return Ok(());
            }
            "node requested token bound to a pod scheduled on a different node"
        }
    };
    let resource = call.descriptor.group_resource();
    Err(Status::forbidden(&resource, &call.target.name, why))
}

/// Ties the token to the life of an object.
async fn bind(call: &Call, reference: &Value, grant: &mut Grant) -> Result<(), Status> {
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let (kind, name, uid) = (text("kind"), text("name"), text("uid"));
    if kind.is_empty() {
        return Ok(());
    }
    let plural = match kind {
        "Pod" => "pods",
        "Secret" => "secrets",
        "Node" => "nodes",
        other => {
            let message = format!("cannot bind token to object of type {other}");
            return Err(Status::bad_request(message));
        }
    };
    let place = if kind == "Node" { "" } else { &grant.namespace };
    let object = find(call, plural, place, name).await?;
    if !uid.is_empty() && uid != metadata::uid(&object) {
        let resource = GroupResource {
            group: "".into(),
            resource: plural.into(),
        };
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&resource, name, &why));
    }
    let bound = Some(binding(&object));
    match kind {
        "Pod" => {
            let account = &grant.service_account.name;
            if object["spec"]["serviceAccountName"] != account.as_str() {
                let message = format!(
                    "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
                );
                return Err(Status::bad_request(message));
            }
            grant.pod = bound;
            if let Some(node) = object["spec"]["nodeName"].as_str() {
                let node = find(call, "nodes", "", node).await;
                grant.node = node.ok().map(|node| binding(&node));
            }
        }
        "Secret" => grant.secret = bound,
        _ => grant.node = bound,
    }
    Ok(())
}

async fn find(call: &Call, plural: &str, namespace: &str, name: &str) -> Result<Value, Status> {
    let storage = call.api.objects.core(plural)?;
    storage.get_object(namespace, name).await
}
