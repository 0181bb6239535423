//! How many images come at the same time: a few from each registry, so that a slow one holds up nobody but its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Images that are pulled from one registry at the same time.
const PER_REGISTRY: usize = 4;

/// The pulls of the node.
#[derive(Default)]
pub(crate) struct Pulls {
    /// The registries that somebody pulls from or waits for.
    registries: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Pulls {
    /// Waits until an image of `registry` may be pulled; the turn ends when the result is dropped. Cancel-safe.
    pub(crate) async fn turn(&self, registry: &str) -> Option<OwnedSemaphorePermit> {
        // `None` would be a semaphore that is closed, which nobody does.
        self.of(registry).acquire_owned().await.ok()
    }

    fn of(&self, registry: &str) -> Arc<Semaphore> {
        let mut registries = self.registries.lock();
        registries.retain(|_, turns| Arc::strong_count(turns) > 1);
        let turns = registries.entry(registry.to_owned());
        turns
            .or_insert_with(|| Arc::new(Semaphore::new(PER_REGISTRY)))
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_registry_holds_up_its_own_images_alone() {
        let pulls = Pulls::default();
        let now = |registry| pulls.turn(registry).now_or_never().flatten();
        let mut slow: Vec<_> = (0..PER_REGISTRY).map(|_| now("slow.example")).collect();
        assert!(slow.iter().all(Option::is_some));
        assert!(now("slow.example").is_none());
        assert!(now("docker.io").is_some());
        slow.pop();
        assert!(now("slow.example").is_some());
        drop(slow);
        assert!(now("docker.io").is_some());
        assert_eq!(pulls.registries.lock().len(), 1, "they are forgotten");
    }
}
