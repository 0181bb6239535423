use std::sync::Arc;

use tokio::sync::watch;

use super::pulls::Pulls;
use super::resize::Room;
use crate::host::Host;
use crate::pressure::Pressure;

/// What all workers share.
pub(crate) struct Context<R> {
    pub(crate) host: Host,
    pub(crate) runtime: Arc<R>,
    pub(crate) pulls: Pulls,
    /// Whether the runtime can give Pods a network.
    pub(crate) network: watch::Receiver<bool>,
    /// What the node is short of.
    pub(crate) pressure: watch::Receiver<Pressure>,
    /// What Pods were granted of what the node has.
    pub(crate) room: Arc<Room>,
}

impl<R> Context<R> {
    pub(crate) fn new(
        host: Host,
        runtime: Arc<R>,
        network: watch::Receiver<bool>,
        pressure: watch::Receiver<Pressure>,
    ) -> Self {
        Self {
            room: Arc::new(Room::new(&host.allocatable)),
            host,
            runtime,
            pulls: Pulls::default(),
            network,
            pressure,
        }
    }
}
