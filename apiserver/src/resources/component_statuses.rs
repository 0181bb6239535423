//! `componentstatuses`: whether the parts of the control plane are well, asked when somebody looks. Deprecated in
//! Kubernetes, and typed by users all the same.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use skiff_api::{GroupResource, Status};
use tokio::time::timeout;

use crate::address::Address;
use crate::api::Api;
use crate::encode::{self, Accept, Form};
use crate::request::{RequestInfo, Target, not_allowed};
use crate::virtuals::COMPONENT_STATUSES;

/// Where those that serve health for themselves do so (`--secure-port` of each).
const ASKED: [(&str, u16); 2] = [("controller-manager", 10257), ("scheduler", 10259)];
/// The store, under the name that users look for.
const STORE: &str = "etcd-0";
const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES: usize = 4096;
const WARNING: &str = "v1 ComponentStatus is deprecated in v1.19+";

/// Answers a get or a list.
pub(super) async fn handle(
    api: &Arc<Api>,
    info: &RequestInfo,
    target: &Target,
    request: Request,
) -> Result<Response, Status> {
    let accept = Accept::read(request.headers(), &info.query, false)?;
    let mut items = all(api).await;
    if !target.name.is_empty() {
        items.retain(|item| item["metadata"]["name"] == target.name);
    }
    let answer = match (info.verb, accept.form) {
        ("get", _) if items.is_empty() => return Err(not_found(&target.name)),
        ("get" | "list", Form::Table(version)) => table(&items, version),
        ("get", _) => items.swap_remove(0),
        ("list", _) => json!({
            "kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": items,
        }),
        _ => return Err(not_allowed()),
    };
    let response = encode::json(StatusCode::OK, &answer);
    Ok(encode::warn(response, &[WARNING.to_owned()]))
}

async fn all(api: &Arc<Api>) -> Vec<Value> {
    let mut items = Vec::new();
    for (name, port) in ASKED {
        items.push(match ask(api, port).await {
            Ok(words) => status(name, "True", &words),
            Err(why) => status(name, "False", &why),
        });
    }
    // It answers by what it holds: who reads this has read it.
    items.push(status(STORE, "True", "ok"));
    items
}

async fn ask(api: &Arc<Api>, port: u16) -> Result<String, String> {
    let asked = async {
        let address = Address {
            host: "127.0.0.1".to_owned(),
            port,
        };
        let request = http::Request::get("/healthz").body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        let answer = api.kubelets.send(&address, request).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let words = String::from_utf8_lossy(&body).into_owned();
        match head.status.is_success() {
            true => Ok(words),
            false => Err(words),
        }
    };
    timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err("it does not answer".to_owned()))
}

fn status(name: &str, healthy: &str, words: &str) -> Value {
    json!({
        "kind": "ComponentStatus",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "conditions": [{"type": "Healthy", "status": healthy, "message": words}],
    })
}

/// As kubectl prints them: name, status, message, error.
fn table(items: &[Value], version: &str) -> Value {
    let column = |name: &str| {
        let format = if name == "Name" { "name" } else { "" };
        json!({"name": name, "type": "string", "format": format, "description": "", "priority": 0})
    };
    let row = |item: &Value| {
        let condition = &item["conditions"][0];
        let healthy = match condition["status"] == "True" {
            true => "Healthy",
            false => "Unhealthy",
        };
        json!({
            "cells": [item["metadata"]["name"], healthy, condition["message"], ""],
            "object": skiff_api::partial_metadata(item, version),
        })
    };
    let columns = ["Name", "Status", "Message", "Error"].map(column);
    json!({
        "kind": "Table",
        "apiVersion": version,
        "metadata": {},
        "columnDefinitions": columns,
        "rows": items.iter().map(row).collect::<Vec<_>>(),
    })
}

fn not_found(name: &str) -> Status {
    let resource = GroupResource {
        group: "".into(),
        resource: COMPONENT_STATUSES.into(),
    };
    Status::not_found(&resource, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_wrong() {
        let items = [
            status("scheduler", "True", "ok"),
            status("etcd-0", "False", "gone"),
        ];
        let table = table(&items, "meta.k8s.io/v1");
        let cells: Vec<String> = table["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["cells"].to_string())
            .collect();
        let expected = [
            r#"["scheduler","Healthy","ok",""]"#,
            r#"["etcd-0","Unhealthy","gone",""]"#,
        ];
        assert_eq!(cells, expected);
    }
}
