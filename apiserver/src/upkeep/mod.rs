//! What the server does by itself, beside requests: what every cluster has is there, what is over goes, and what it finds out
//! of definitions and of other servers stands in their status.

mod addresses;
mod availability;
mod bootstrap;
mod definitions;
mod janitor;
mod peers;
mod policies;
mod service_cidrs;

pub(crate) use bootstrap::complete;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::api::Api;
use crate::following::follow;
use crate::services::{ADDRESSES, CIDRS};
use crate::{authz, matching};
use addresses::Addresses;
use policies::TypeCheck;
use service_cidrs::ServiceCidrs;

/// Does all of it until `shutdown`, and lets rights, webhooks and kinds follow the store.
pub(crate) async fn run(api: &Arc<Api>, shutdown: &CancellationToken) {
    let store = &api.store;
    let checked = AbortOnDropHandle::new(tokio::spawn(check(Arc::clone(api), shutdown.clone())));
    let checking = async {
        if let Err(error) = checked.await {
            tracing::error!(%error, "nobody looks at the expressions of policies any more");
        }
    };
    let (addresses, cidrs) = (Addresses(api), ServiceCidrs(api));
    tokio::join!(
        follow(store, ADDRESSES, &addresses, shutdown),
        follow(store, CIDRS, &cidrs, shutdown),
        bootstrap::keep(api, shutdown.clone()),
        peers::run(api, shutdown.clone()),
        follow(store, authz::PREFIX, &*api.authorizer, shutdown),
        follow(store, matching::PREFIX, &api.webhooks, shutdown),
        checking,
        availability::run(api, shutdown.clone()),
        definitions::follow(api, shutdown.clone()),
        janitor::run(api, shutdown.clone()),
    );
}

/// A task of its own: a policy may be long, and meanwhile rights and webhooks must follow.
async fn check(api: Arc<Api>, shutdown: CancellationToken) {
    follow(&api.store, matching::PREFIX, &TypeCheck(&api), &shutdown).await;
}
