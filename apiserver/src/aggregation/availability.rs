//! Whether other servers are there: looked at when their APIServices or endpoints change, and every half minute while
//! there are any.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use skiff_api::Status;
use skiff_store::{Snapshot, Watch, WatchEnd};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{Backend, PREFIX, ask, schemas};
use crate::api::Api;
use crate::remote::{Missing, endpoints_of};
use crate::storage::{Part, Storage, Writer, now};

const ENDPOINTS: &str = "/registry/core/endpoints/";
/// How often a server is looked at when nothing changes.
const PERIOD: Duration = Duration::from_secs(30);
/// The most of its list of resources that is read.
const LIST_BYTES: usize = 1 << 20;

/// Status, reason and message of the condition `Available`.
type Condition = (&'static str, &'static str, String);

/// Looks after other servers until `shutdown`.
pub(crate) async fn run(api: &Arc<Api>, shutdown: CancellationToken) {
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
                look(api, &snapshot, backend).await;
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

async fn look(api: &Arc<Api>, snapshot: &Snapshot, backend: &Backend) {
    let (condition, resources) = match reachable(snapshot, backend) {
        Ok(()) => match discover(backend).await {
            Ok(resources) => {
                let passed = ("True", "Passed", "all checks passed".to_owned());
                (passed, Some(resources))
            }
            Err(why) => (("False", "FailedDiscoveryCheck", why), None),
        },
        Err(condition) => (condition, None),
    };
    let schemas = match resources {
        Some(_) => schemas::find(backend).await,
        None => None,
    };
    backend.found(resources, schemas);
    if let Err(error) = tell(api, &backend.spec.name, &condition).await {
        tracing::debug!(%error, name = backend.spec.name, "an APIService's condition was not written");
    }
}

/// What stands between the Service and its server.
fn reachable(snapshot: &Snapshot, backend: &Backend) -> Result<(), Condition> {
    let service = &backend.spec.service;
    let (name, namespace, port) = (&service.name, &service.namespace, service.port);
    let (reason, message) = match endpoints_of(snapshot, service) {
        Ok(endpoints) if !endpoints.is_empty() => return Ok(()),
        Ok(_) => (
            "MissingEndpoints",
            format!(
                "endpoints for service/{name} in {namespace:?} have no addresses with port name \"\""
            ),
        ),
        Err(Missing::Service(_)) => (
            "ServiceNotFound",
            format!("service/{name} in {namespace:?} is not present"),
        ),
        Err(Missing::Port(..)) => (
            "ServicePortError",
            format!("service/{name} in {namespace:?} is not listening on port {port}"),
        ),
    };
    Err(("False", reason, message))
}

/// Asks the server what it serves; or says why that is not known.
async fn discover(backend: &Backend) -> Result<Vec<Value>, String> {
    let list = ask::get(backend, &format!("/{}", backend.path()), LIST_BYTES).await?;
    Ok(list["resources"].as_array().cloned().unwrap_or_default())
}

/// Writes the condition, if it is not the one that stands.
async fn tell(api: &Arc<Api>, name: &str, condition: &Condition) -> Result<(), Status> {
    let descriptor = api
        .registry
        .get("apiregistration.k8s.io", "v1", "apiservices");
    let descriptor = descriptor.ok_or_else(crate::resources::unknown)?;
    let storage = Storage::new(api, &descriptor);
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
    let written = storage.modify("", name, Part::Status, Writer::default(), told);
    written.await.map(|_| ())
}
