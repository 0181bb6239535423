//! Whether another server is there.

use serde_json::Value;
use skiff_store::Snapshot;

use super::{Backend, ask, schemas};
use crate::remote::{Missing, endpoints_of};

/// The most of its list of resources that is read.
const LIST_BYTES: usize = 1 << 20;

/// Status, reason and message of the condition `Available`.
pub(crate) type Condition = (&'static str, &'static str, String);

/// Looks whether a server is there, and remembers it; answers with its condition.
pub(crate) async fn look(snapshot: &Snapshot, backend: &Backend) -> Condition {
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
    condition
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
