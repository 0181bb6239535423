//! Binding a Pod to a node: the scheduler's one write.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};
use skiff_api::{GroupResource, Status, metadata};

use super::Call;
use super::conditions::set_condition;
use crate::admission::Part;
use crate::codec::now;
use crate::encode;
use crate::matching::Operation;
use crate::request::{decode_as, not_allowed, read_body};
use crate::writes::{Writer, Writes};

const BINDING: &str = "io.k8s.api.core.v1.Binding";

/// `POST …/pods/web/binding`
pub(super) async fn handle(call: Call, body: Body) -> Result<Response, Status> {
    if call.info.verb != "create" {
        return Err(not_allowed());
    }
    let body = read_body(&call.parts, body).await?;
    let mut binding = decode_as(BINDING, &call.parts.headers, &body)?;
    call.consult(Operation::Create, ["", "v1", "Binding"], &mut binding)
        .await?;
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    bind(&call.writes(), namespace, name, &binding, call.writer()?).await
}

/// `POST …/bindings`: the binding itself has the Pod's name.
pub(super) async fn create(
    pods: &Writes<'_>,
    namespace: &str,
    request: Request,
    writer: Writer<'_>,
) -> Result<Response, Status> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts, body).await?;
    let binding = decode_as(BINDING, &parts.headers, &body)?;
    let name = metadata::name(&binding).to_owned();
    bind(pods, namespace, &name, &binding, writer).await
}

async fn bind(
    pods: &Writes<'_>,
    namespace: &str,
    name: &str,
    binding: &Value,
    writer: Writer<'_>,
) -> Result<Response, Status> {
    let target = &binding["target"];
    let node = target["name"].as_str().unwrap_or_default();
    if node.is_empty() || !matches!(target["kind"].as_str(), None | Some("" | "Node")) {
        let message =
            format!("Binding {name:?} is invalid: target: Required value: a Node with a name");
        return Err(Status::bad_request(message));
    }
    pods.modify(namespace, name, Part::Binding, writer, |pod| {
        bound(pod, binding, node)
    })
    .await?;
    Ok(encode::done())
}

/// The Pod on its node; 409 if it cannot go there any more.
fn bound(pod: &Value, binding: &Value, node: &str) -> Result<Value, Status> {
    let name = metadata::name(pod);
    let conflict = |why: String| {
        let resource = GroupResource {
            group: "".into(),
            resource: "pods/binding".into(),
        };
        Err(Status::conflict(&resource, name, &why))
    };
    if metadata::deletion_timestamp(pod).is_some() {
        return conflict(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    match pod["spec"]["nodeName"].as_str() {
        None | Some("") => {}
        Some(other) => {
            return conflict(format!("pod {name} is already assigned to node {other:?}"));
        }
    }
    let gates = pod["spec"]["schedulingGates"].as_array();
    if gates.is_some_and(|gates| !gates.is_empty()) {
        return conflict(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    let mut new = pod.clone();
    new["spec"]["nodeName"] = node.into();
    let annotations = binding["metadata"]["annotations"].as_object();
    for (key, value) in annotations.into_iter().flatten() {
        new["metadata"]["annotations"][key] = value.clone();
    }
    // Whose uid is named must be the one that is bound: the generic check compares the two.
    if !metadata::uid(binding).is_empty() {
        new["metadata"]["uid"] = metadata::uid(binding).into();
    }
    set_scheduled(&mut new);
    Ok(new)
}

fn set_scheduled(pod: &mut Value) {
    let scheduled = json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": now(),
    });
    set_condition(pod, scheduled);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_bound_once() {
        let pod = json!({"metadata": {"name": "web", "uid": "u"}, "spec": {}, "status": {}});
        let binding =
            json!({"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n1"}});
        let on_node = bound(&pod, &binding, "n1").unwrap();
        assert_eq!(on_node["spec"]["nodeName"], "n1");
        assert_eq!(on_node["status"]["conditions"][0]["type"], "PodScheduled");
        let error = bound(&on_node, &binding, "n2").unwrap_err();
        assert_eq!(
            error.message,
            "Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"n1\""
        );
    }
}
