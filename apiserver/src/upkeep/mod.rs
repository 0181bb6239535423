//! What the server does by itself, beside requests: what every cluster has is there, what is over goes, and what it finds out
//! of definitions and of other servers stands in their status.

mod addresses;
mod availability;
mod bootstrap;
mod definitions;
mod janitor;
mod policies;

pub(crate) use bootstrap::complete;

use tokio_util::sync::CancellationToken;

use crate::api::Api;

/// Does all of it until `shutdown`, and lets rights, webhooks and kinds follow the store.
pub(crate) async fn run(api: &Api, shutdown: &CancellationToken) {
    tokio::join!(
        addresses::keep(&api.store, shutdown.clone()),
        bootstrap::keep(api, shutdown.clone()),
        api.authorizer.follow(shutdown.clone()),
        policies::follow(api, shutdown.clone()),
        availability::run(api, shutdown.clone()),
        definitions::follow(api, shutdown.clone()),
        janitor::run(api, shutdown.clone()),
    );
}
