//! What becomes of CustomResourceDefinitions: conditions as their kinds are served, and when one is deleted, the end of its
//! resources.

mod cleanup;

use futures::future::select_all;
use skiff_api::Status;
use skiff_store::WatchEnd;
use tokio_util::sync::CancellationToken;

use crate::admission::Part;
use crate::api::Api;
use crate::definitions::{NewStatus, PREFIX};
use crate::request::unknown;
use crate::storage::Storage;
use crate::writes::{Writer, Writes};

/// Follows the definitions until `shutdown`.
pub(super) async fn follow(api: &Api, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let now = api.store.revision();
        let doomed = match round(api).await {
            Ok(doomed) => doomed,
            Err(error) => {
                tracing::warn!(%error, "the definitions of custom resources are not as they should be");
                Vec::new()
            }
        };
        let prefixes = doomed.iter().map(String::as_str).chain([PREFIX]);
        let watches = prefixes.map(|prefix| api.store.watch(prefix, now));
        let Ok(watches) = watches.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        let changes = watches
            .into_iter()
            .map(|mut watch| Box::pin(async move { watch.next().await.map(|_| ()) }));
        // Cancel-safe: the next round looks at everything itself.
        let (end, ..) = tokio::select! {
            () = shutdown.cancelled() => return,
            end = select_all(changes) => end,
        };
        if end == Err(WatchEnd::Closed) {
            return;
        }
    }
}

/// Serves what there is, says so in the definitions, and cleans up behind those that go. Answers with where the
/// resources are that must go first.
async fn round(api: &Api) -> Result<Vec<String>, Status> {
    for new in api.definitions.read() {
        write(api, &new).await?;
    }
    let mut doomed = Vec::new();
    for definition in api.definitions.terminating() {
        if !cleanup::run(api, &definition).await? {
            doomed.push(definition.prefix);
        }
    }
    Ok(doomed)
}

/// The definitions, to be written.
fn storage(api: &Api) -> Result<Storage, Status> {
    let kind = api
        .kinds
        .get("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let kind = kind.ok_or_else(unknown)?;
    Ok(api.objects.of(&kind))
}

/// Writes what was found out of a definition, unless it is gone.
async fn write(api: &Api, new: &NewStatus) -> Result<(), Status> {
    let change = |old: &serde_json::Value| {
        let mut changed = old.clone();
        for field in ["acceptedNames", "conditions"] {
            changed["status"][field] = new.status[field].clone();
        }
        Ok(changed)
    };
    let storage = storage(api)?;
    let writes = Writes::new(api, &storage);
    let written = writes.modify("", &new.name, Part::Status, Writer::default(), change);
    gone_is_fine(written.await.map(|_| ()))
}

fn gone_is_fine(written: Result<(), Status>) -> Result<(), Status> {
    match written {
        Err(status) if status.reason == skiff_api::Reason::NotFound => Ok(()),
        other => other,
    }
}
