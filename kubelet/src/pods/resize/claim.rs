use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use tokio::sync::watch;

use super::granted::with_resources_of;
use super::refusal::Refusal;
use super::room::{Place, Room};

/// What a Pod wants of its node, and its place there.
pub(crate) struct Claim {
    /// The Pod as the API server has it.
    wanted: Arc<Pod>,
    room: Arc<Room>,
    /// What it holds of the node, until it has ended.
    place: Option<Place>,
    freed: watch::Receiver<bool>,
}

impl Claim {
    /// That of a Pod which has what `granted` says.
    pub(crate) fn new(room: Arc<Room>, wanted: Arc<Pod>, granted: &Pod) -> Self {
        Self {
            place: Some(room.enter(granted, &wanted)),
            wanted,
            freed: room.freed(),
            room,
        }
    }

    /// The Pod is another one; returns it with the resources that `granted` has.
    pub(crate) fn replace(&mut self, wanted: Arc<Pod>, granted: &Pod) -> Arc<Pod> {
        self.wanted = wanted;
        with_resources_of(&self.wanted, granted)
    }

    /// The Pod with all that it wants.
    pub(crate) fn wanted(&self) -> &Arc<Pod> {
        &self.wanted
    }

    /// Whether the Pod wants what it was not granted.
    pub(crate) fn is_open(&self, granted: &Arc<Pod>) -> bool {
        !Arc::ptr_eq(granted, &self.wanted)
    }

    /// Asks the node for what the Pod wants; nobody answers before all Pods of the node are known.
    pub(crate) fn ask(&self) -> Option<Result<(), Refusal>> {
        let place = self.place.as_ref().filter(|_| self.room.is_open())?;
        Some(place.resize(&self.wanted))
    }

    /// The Pod wants nothing but what it has.
    pub(crate) fn withdraw(&self, granted: &Pod) {
        self.place.iter().for_each(|place| place.withdraw(granted));
    }

    /// Waits until there may be more room.
    pub(crate) async fn more_room(&mut self) {
        if self.freed.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// The Pod has ended: others may have what it had.
    pub(crate) fn give_back(&mut self) {
        self.place = None;
    }
}
