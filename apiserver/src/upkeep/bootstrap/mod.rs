//! What every cluster has from its first moment: four namespaces, two PriorityClasses, a default StorageClass, and the
//! Service of the API itself.

mod ensure;
mod objects;

use futures::future::{select_all, try_join_all};
use jiff::Timestamp;
use skiff_api::SYSTEM_PRIORITY_CLASSES;
use skiff_store::{Change, Watch, WatchEnd};
use tokio_util::sync::CancellationToken;

use self::ensure::{Standing, ensure};
use super::{addresses, service_cidrs};
use crate::aggregation;
use crate::api::Api;
use crate::authz::bootstrap as roles;
use crate::error::Error;

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// What of it can be deleted.
const MORTAL: [&str; 5] = [
    "/registry/core/namespaces/kube-node-lease",
    "/registry/core/services/default/kubernetes",
    "/registry/core/endpoints/default/kubernetes",
    "/registry/discovery.k8s.io/endpointslices/default/kubernetes",
    "/registry/networking.k8s.io/servicecidrs/kubernetes",
];

/// Makes all that every cluster has, and completes its roles.
pub(crate) async fn complete(api: &Api) -> Result<(), Error> {
    let snapshot = api.store.snapshot();
    addresses::make_all(&api.store, &snapshot).await;
    if api.peers.lease().is_some() {
        api.peers.read(&snapshot);
    }
    run(api).await?;
    service_cidrs::settle(api).await;
    complete_roles(api).await?;
    api_services(api).await
}

/// Makes anew what is deleted, until `shutdown`: after `kubectl delete services --all` Pods must still find the API.
pub(super) async fn keep(api: &Api, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let now = api.store.revision();
        let watches = MORTAL.into_iter().map(|key| api.store.watch(key, now));
        let Ok(watches) = watches.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        if let Err(error) = run(api).await {
            tracing::warn!(%error, source = ?std::error::Error::source(&error), "what every cluster has is not complete");
        }
        let any = select_all(watches.into_iter().map(|watch| Box::pin(deletion(watch))));
        // Cancel-safe: the next round looks at everything itself.
        let end = tokio::select! {
            () = shutdown.cancelled() => return,
            (end, ..) = any => end,
        };
        if end == Err(WatchEnd::Closed) {
            return;
        }
    }
}

/// Returns when something was deleted.
async fn deletion(mut watch: Watch) -> Result<(), WatchEnd> {
    loop {
        let changes = watch.next().await?;
        let mut changes = changes.iter().map(AsRef::as_ref);
        if changes.any(|change| matches!(change, Change::Delete { .. })) {
            return Ok(());
        }
    }
}

/// Makes what is missing, and sets right what has changed.
async fn run(api: &Api) -> Result<(), Error> {
    for name in NAMESPACES {
        ensure(api, &objects::namespace(name), Standing::Stays).await?;
    }
    for (name, value) in SYSTEM_PRIORITY_CLASSES {
        ensure(api, &objects::priority_class(name, value), Standing::Stays).await?;
    }
    ensure(api, &objects::authentication(api), Standing::SetRight).await?;
    ensure(api, &objects::storage_class(), Standing::Stays).await?;
    ensure(api, &objects::service_cidr(api), Standing::Stays).await?;
    ensure(api, &objects::service(api), Standing::Stays).await?;
    // First, for others take away the address when it ends.
    if api.peers.lease().is_some() {
        renew_lease(api).await?;
    }
    lead_to_servers(api).await
}

/// Lets the Service of the API lead to all servers that live.
pub(super) async fn lead_to_servers(api: &Api) -> Result<(), Error> {
    ensure(api, &objects::endpoints(api), Standing::SetRight).await?;
    ensure(api, &objects::slice(api), Standing::SetRight).await
}

/// Makes or renews the Lease of this server.
pub(super) async fn renew_lease(api: &Api) -> Result<(), Error> {
    let lease = api.peers.renewed(Timestamp::now());
    ensure(api, &lease, Standing::SetRight).await
}

/// Says of every version of a group that this server serves it, all at once.
async fn api_services(api: &Api) -> Result<(), Error> {
    let wanted = aggregation::services(&api.kinds.current().registry);
    let writes = wanted
        .iter()
        .map(|service| ensure(api, service, Standing::Stays));
    try_join_all(writes).await.map(drop)
}

/// Writes the roles and bindings that every cluster has, all at once: the store groups them into few commits.
async fn complete_roles(api: &Api) -> Result<(), Error> {
    let wanted = roles::objects();
    let writes = wanted
        .iter()
        .map(|role| ensure(api, role, Standing::Becomes(roles::reconciled)));
    try_join_all(writes).await.map(drop)
}
