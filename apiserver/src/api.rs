//! What the steps of a request share: every part that outlives one, and no step of them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use skiff_store::Store;

use crate::admission::Turns;
use crate::aggregation::Aggregation;
use crate::authn::Tokens;
use crate::authz::Authorizer;
use crate::config::Config;
use crate::definitions::Definitions;
use crate::encode::SharedLines;
use crate::error::Error;
use crate::kinds::Kinds;
use crate::kubelet::Kubelets;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::policies::Policies;
use crate::remote::{Remotes, Trust};
use crate::services::Ranges;
use crate::storage::Objects;
use crate::webhooks::Webhooks;

/// What the steps of a request share.
pub(crate) struct Api {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) kinds: Arc<Kinds>,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) tokens: Tokens,
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) ranges: Ranges,
    pub(crate) peers: Peers,
    pub(crate) turns: Turns,
    pub(crate) kubelets: Kubelets,
    pub(crate) lines: Arc<SharedLines>,
    pub(crate) remotes: Remotes,
    pub(crate) webhooks: Webhooks,
    pub(crate) policies: Arc<Policies>,
    pub(crate) aggregation: Aggregation,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Whether the end has been announced.
    pub(crate) ending: AtomicBool,
}

impl Api {
    pub(crate) fn new(config: Config, store: Store) -> Result<Arc<Self>, Error> {
        let remotes = Remotes::default();
        let kinds = Arc::new(Kinds::builtin());
        let definitions = Definitions::new(store.clone(), remotes.clone(), Arc::clone(&kinds));
        let definitions = Arc::new(definitions);
        let objects = Arc::new(Objects {
            store: store.clone(),
            kinds: Arc::clone(&kinds),
            definitions: Arc::clone(&definitions),
        });
        let authorizer = Arc::new(Authorizer::new(store.clone()));
        let policies = Policies::new(Arc::clone(&objects), Arc::clone(&authorizer));
        let policies = Arc::new(policies);
        let identity = Arc::clone(&config.proxy_client);
        Ok(Arc::new(Self {
            tokens: Tokens::new(&config)?,
            ranges: Ranges::new(&config),
            peers: Peers::new(&config),
            turns: Turns::new(),
            kubelets: Kubelets::new(&config, anybody()?)?,
            lines: Arc::default(),
            webhooks: Webhooks::new(Arc::clone(&objects), remotes.clone(), Arc::clone(&policies)),
            aggregation: Aggregation::new(store.clone(), remotes.clone(), identity),
            limits: Limits::default(),
            metrics: Metrics::new(),
            ending: AtomicBool::new(false),
            config,
            store,
            kinds,
            definitions,
            objects,
            authorizer,
            policies,
            remotes,
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
