//! What all steps of a request share.

use std::sync::Arc;

use skiff_api::{Registry, Status};
use skiff_store::Store;

use crate::admission::Turns;
use crate::authn::Tokens;
use crate::authz::Authorizer;
use crate::encode::SharedLines;
use crate::kubelet::Kubelets;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::openapi::Documents;
use crate::services::Ranges;
use crate::storage::Storage;
use crate::{Config, Error};

/// What all steps of a request share.
pub(crate) struct Api {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) tokens: Tokens,
    pub(crate) authorizer: Authorizer,
    pub(crate) ranges: Ranges,
    pub(crate) turns: Turns,
    pub(crate) kubelets: Kubelets,
    pub(crate) documents: Documents,
    pub(crate) lines: SharedLines,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
}

impl Api {
    pub(crate) fn new(config: Config, store: Store) -> Result<Arc<Self>, Error> {
        let metrics = Metrics::new();
        Ok(Arc::new(Self {
            registry: skiff_api::builtin(),
            tokens: Tokens::new(&config)?,
            authorizer: Authorizer::new(store.clone()),
            ranges: Ranges::new(&config),
            turns: Turns::new(),
            kubelets: Kubelets::new(&config)?,
            documents: Documents::default(),
            lines: SharedLines::default(),
            limits: Limits::default(),
            metrics,
            store,
            config,
        }))
    }
}

impl Api {
    /// The objects of a core kind.
    pub(crate) fn core(self: &Arc<Self>, plural: &str) -> Result<Storage, Status> {
        let descriptor = self.registry.get("", "v1", plural);
        let descriptor =
            descriptor.ok_or_else(|| Status::internal(format!("{plural} are not served")))?;
        Ok(Storage::new(self, descriptor))
    }
}
