//! `pods/eviction`: a delete that the Pod's disruption budget may refuse
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>).

mod budget;

use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};
use skiff_api::{Cause, Reason, Status, metadata};

use super::Call;
use super::conditions::set_condition;
use crate::admission::Part;
use crate::codec::{now, object_of};
use crate::encode;
use crate::matching::Operation;
use crate::request::{DeleteOptions, decode_as, not_allowed, read_body, unknown};
use crate::writes::{Writer, Writes};

const EVICTION: &str = "io.k8s.api.policy.v1.Eviction";

/// Deletes a Pod if its budget allows.
pub(super) async fn handle(call: Call, body: Body) -> Result<Response, Status> {
    if call.info.verb != "create" {
        return Err(not_allowed());
    }
    let body = read_body(&call.parts, body).await?;
    let mut eviction = decode_as(EVICTION, &call.parts.headers, &body)?;
    call.consult(
        Operation::Create,
        ["policy", "v1", "Eviction"],
        &mut eviction,
    )
    .await?;
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let given = metadata::name(&eviction);
    if !given.is_empty() && given != name {
        let message = "name in URL does not match name in Eviction object";
        return Err(Status::bad_request(message));
    }
    let mut options = DeleteOptions::read(&call.info.query, &eviction["deleteOptions"])?;
    options.dry_run |= call.writer()?.dry_run;
    let pod = call.storage.get_object(namespace, name).await?;
    if !is_free_to_go(&pod) {
        take_from_budget(&call, &pod, options.dry_run).await?;
        if !options.dry_run {
            mark(&call.writes(), &pod).await?;
        }
        // Not another Pod of the same name, which has a right of its own to its budget.
        options
            .uid
            .get_or_insert_with(|| metadata::uid(&pod).to_owned());
    }
    call.writes()
        .delete(namespace, name, &options, call.delete_writer(&options))
        .await?;
    Ok(encode::done())
}

/// Whether nobody is worse off without the Pod: it has ended, has not begun, or is going already.
fn is_free_to_go(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed" | "Pending")
        || metadata::deletion_timestamp(pod).is_some()
}

/// Counts the disruption in the budget of the Pod, if it has one; 429 if that has none left.
async fn take_from_budget(call: &Call, pod: &Value, dry_run: bool) -> Result<(), Status> {
    let namespace = metadata::namespace(pod);
    let descriptor = call
        .api
        .kinds
        .get("policy", "v1", "poddisruptionbudgets")
        .ok_or_else(unknown)?;
    let budgets = call.api.objects.of(&descriptor);
    let budgets = Writes::new(&call.api, &budgets);
    let snapshot = call.api.store.snapshot();
    let prefix = format!("/registry/policy/poddisruptionbudgets/{namespace}/");
    let mut of_pod = Vec::new();
    for entry in snapshot.range(&prefix, None) {
        let budget = object_of(&entry.value)?;
        if budget::covers(&budget, pod) {
            of_pod.push(metadata::name(&budget).to_owned());
        }
    }
    let name = match of_pod.as_slice() {
        [] => return Ok(()),
        [name] => name,
        _ => {
            let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Status::new(Reason::InternalError, message));
        }
    };
    let writer = Writer {
        dry_run,
        ..Writer::default()
    };
    budgets
        .modify(namespace, name, Part::Status, writer, |budget| {
            budget::disrupted(budget, pod, &now()).map_err(refused)
        })
        .await?;
    Ok(())
}

/// 429, as `kubectl drain` expects it.
fn refused(refusal: budget::Refusal) -> Status {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut status = Status::new(Reason::TooManyRequests, message);
    status.details.retry_after_seconds = refusal.retry_after_seconds;
    status.details.causes.push(Cause {
        reason: "DisruptionBudget".to_owned(),
        message: refusal.why,
        field: String::new(),
    });
    status
}

/// Notes at the Pod why it goes (KEP-3329).
async fn mark(pods: &Writes<'_>, pod: &Value) -> Result<(), Status> {
    let (namespace, name) = (metadata::namespace(pod), metadata::name(pod));
    let writer = Writer::default();
    pods.modify(namespace, name, Part::Status, writer, |pod| {
        let mut pod = pod.clone();
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
            "lastTransitionTime": now(),
        });
        set_condition(&mut pod, condition);
        Ok(pod)
    })
    .await?;
    Ok(())
}
