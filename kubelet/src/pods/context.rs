use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::host::Host;

/// Images that are pulled at the same time; a slow registry must not hold up all Pods.
const PULLS: usize = 4;

/// What all workers share.
pub(crate) struct Context<R> {
    pub(crate) host: Host,
    pub(crate) runtime: Arc<R>,
    pub(crate) pulls: Semaphore,
    /// Whether the runtime can give Pods a network.
    pub(crate) network: watch::Receiver<bool>,
}

impl<R> Context<R> {
    pub(crate) fn new(host: Host, runtime: Arc<R>, network: watch::Receiver<bool>) -> Self {
        Self {
            host,
            runtime,
            pulls: Semaphore::new(PULLS),
            network,
        }
    }
}
