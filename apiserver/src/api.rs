//! What all steps of a request share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use skiff_api::Status;
use skiff_store::Store;

use crate::admission::Turns;
use crate::aggregation::Aggregation;
use crate::authn::Tokens;
use crate::authz::Authorizer;
use crate::definitions::Definitions;
use crate::encode::SharedLines;
use crate::kinds::Kinds;
use crate::kubelet::Kubelets;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::remote::{Remotes, Trust};
use crate::services::Ranges;
use crate::storage::Storage;
use crate::webhooks::Webhooks;
use crate::{Config, Error};

/// What all steps of a request share.
pub(crate) struct Api {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) registry: Kinds,
    pub(crate) definitions: Definitions,
    pub(crate) tokens: Tokens,
    pub(crate) authorizer: Authorizer,
    pub(crate) ranges: Ranges,
    pub(crate) turns: Turns,
    pub(crate) kubelets: Kubelets,
    pub(crate) lines: SharedLines,
    pub(crate) remotes: Remotes,
    pub(crate) webhooks: Webhooks,
    pub(crate) policies: Policies,
    pub(crate) aggregation: Aggregation,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Whether the end has been announced.
    pub(crate) ending: AtomicBool,
}

impl Api {
    pub(crate) fn new(config: Config, store: Store) -> Result<Arc<Self>, Error> {
        let metrics = Metrics::new();
        let remotes = Remotes::default();
        Ok(Arc::new(Self {
            registry: Kinds::builtin(),
            definitions: Definitions::default(),
            tokens: Tokens::new(&config)?,
            authorizer: Authorizer::new(store.clone()),
            ranges: Ranges::new(&config),
            turns: Turns::new(),
            kubelets: Kubelets::new(&config, anybody()?)?,
            lines: SharedLines::default(),
            aggregation: Aggregation::new(
                store.clone(),
                remotes.clone(),
                Arc::clone(&config.proxy_client),
            ),
            webhooks: Webhooks::new(store.clone(), remotes.clone()),
            policies: Policies::new(),
            remotes,
            limits: Limits::default(),
            metrics,
            ending: AtomicBool::new(false),
            store,
            config,
        }))
    }
}

/// The side of TLS that believes whatever certificate is shown.
fn anybody() -> Result<Arc<rustls::ClientConfig>, Error> {
    let trust = Trust {
        insecure: true,
        ..Trust::default()
    };
    let client = trust.client();
    client.map_err(|error| Error::certificate("versions of TLS", error))
}

impl Api {
    /// The objects of a core kind.
    pub(crate) fn core(self: &Arc<Self>, plural: &str) -> Result<Storage, Status> {
        let descriptor = self.registry.get("", "v1", plural);
        let descriptor =
            descriptor.ok_or_else(|| Status::internal(format!("{plural} are not served")))?;
        Ok(Storage::new(self, &descriptor))
    }
}
