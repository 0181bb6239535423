//! A definition that is deleted takes its resources with it, as their finalizers let them go.

use serde_json::Value;
use skiff_api::{Reason, Status, custom};
use skiff_store::{Batch, Entry};

use super::{gone_is_fine, storage};
use crate::admission::Part;
use crate::api::Api;
use crate::codec::now;
use crate::definitions::Terminating;
use crate::request::DeleteOptions;
use crate::writes::{Writer, Writes};

/// Deletes the resources of a definition; answers whether none are left, and then lets it go.
pub(super) async fn run(api: &Api, definition: &Terminating) -> Result<bool, Status> {
    let snapshot = api.store.snapshot();
    for entry in snapshot.range(&definition.prefix, None) {
        delete(api, definition, entry).await?;
    }
    let snapshot = api.store.snapshot();
    let is_empty = snapshot.range(&definition.prefix, None).next().is_none();
    let condition = match is_empty {
        true => (
            "False",
            "InstanceDeletionCompleted",
            "removed all instances",
        ),
        false => (
            "True",
            "InstanceDeletionInProgress",
            "CustomResource deletion is in progress",
        ),
    };
    let change = |old: &Value| {
        let mut new = old.clone();
        let (is, reason, message) = condition;
        let condition = (is, reason, message.to_owned());
        custom::set_condition(&mut new["status"], "Terminating", condition, &now());
        if is_empty && let Value::Array(finalizers) = &mut new["metadata"]["finalizers"] {
            finalizers.retain(|finalizer| finalizer != custom::CLEANUP_FINALIZER);
        }
        Ok(new)
    };
    let storage = storage(api)?;
    let writes = Writes::new(api, &storage);
    let written = writes.modify(
        "",
        &definition.name,
        Part::Status,
        Writer::default(),
        change,
    );
    gone_is_fine(written.await.map(|_| ()))?;
    Ok(is_empty)
}

async fn delete(api: &Api, definition: &Terminating, entry: &Entry) -> Result<(), Status> {
    let Some(kind) = &definition.kind else {
        // Nobody can reach it, so nobody can take its finalizers away.
        let removed = api
            .store
            .commit(Batch::remove(entry.key.clone(), entry.revision));
        return removed
            .await
            .map(|_| ())
            .map_err(|error| Status::internal(error.to_string()));
    };
    let place = &entry.key[definition.prefix.len()..];
    let (namespace, name) = place.rsplit_once('/').unwrap_or(("", place));
    let storage = api.objects.of(kind);
    let deleted = Writes::new(api, &storage)
        .delete(
            namespace,
            name,
            &DeleteOptions::default(),
            Writer::default(),
        )
        .await;
    match deleted {
        Err(status) if status.reason != Reason::NotFound => Err(status),
        _ => Ok(()),
    }
}
