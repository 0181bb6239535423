//! Whether other servers are there, as the condition of their APIServices: looked at when those or endpoints change, and
//! every half minute while there are any.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use skiff_api::Status;
use skiff_store::{Watch, WatchEnd};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::admission::Part;
use crate::aggregation::{Backend, Condition, PREFIX, look};
use crate::api::Api;
use crate::codec::now;
use crate::request::unknown;
use crate::writes::{Writer, Writes};

const ENDPOINTS: &str = "/registry/core/endpoints/";
/// How often a server is looked at when nothing changes.
const PERIOD: Duration = Duration::from_secs(30);

/// Looks after other servers until `shutdown`.
pub(super) async fn run(api: &Api, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let snapshot = api.store.snapshot();
        let revision = snapshot.revision();
        let watches = (
            api.store.watch(PREFIX, revision),
            api.store.watch(ENDPOINTS, revision),
        );
        let (Ok(services), Ok(endpoints)) = watches else {
            continue;
        };
        api.aggregation.read_all(&snapshot);
        let backends = api.aggregation.backends();
        let looking = async {
            for backend in &backends {
                let condition = look(&snapshot, backend).await;
                let name = &backend.spec.name;
                if let Err(error) = tell(api, name, &condition).await {
                    tracing::debug!(%error, name, "an APIService's condition was not written");
                }
            }
            changed(services, endpoints, &backends).await
        };
        // Cancel-safe: the next round looks at everything again.
        let end = tokio::select! {
            () = shutdown.cancelled() => return,
            end = looking => end,
        };
        if end == Err(WatchEnd::Closed) {
            return;
        }
    }
}

/// Returns when it is time to look again.
async fn changed(
    mut services: Watch,
    endpoints: Watch,
    backends: &[Arc<Backend>],
) -> Result<(), WatchEnd> {
    let keys: HashSet<String> = backends
        .iter()
        .map(|backend| {
            let service = &backend.spec.service;
            format!("{ENDPOINTS}{}/{}", service.namespace, service.name)
        })
        .collect();
    let of_theirs = async {
        if keys.is_empty() {
            // Nobody wants to know: the feed must not fill up meanwhile.
            drop(endpoints);
            return pending().await;
        }
        let mut endpoints = endpoints;
        loop {
            let changes = endpoints.next().await?;
            if changes
                .iter()
                .any(|change| keys.contains(change.key().as_str()))
            {
                return Ok(());
            }
        }
    };
    // Cancel-safe: all watches begin anew.
    tokio::select! {
        changes = services.next() => changes.map(|_| ()),
        end = of_theirs => end,
        () = time::sleep(PERIOD), if !keys.is_empty() => Ok(()),
    }
}

/// Writes the condition, if it is not the one that stands.
async fn tell(api: &Api, name: &str, condition: &Condition) -> Result<(), Status> {
    let descriptor = api.kinds.get("apiregistration.k8s.io", "v1", "apiservices");
    let descriptor = descriptor.ok_or_else(unknown)?;
    let storage = api.objects.of(&descriptor);
    let writes = Writes::new(api, &storage);
    let (status, reason, message) = condition;
    let told = |old: &Value| {
        let mut new = old.clone();
        let known = &old["status"]["conditions"][0];
        let mut wanted = json!({
            "type": "Available",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": now(),
        });
        if known["status"] == *status {
            wanted["lastTransitionTime"] = known["lastTransitionTime"].clone();
        }
        new["status"]["conditions"] = json!([wanted]);
        Ok(new)
    };
    let written = writes.modify("", name, Part::Status, Writer::default(), told);
    written.await.map(|_| ())
}
