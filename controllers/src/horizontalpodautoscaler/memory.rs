//! What is remembered of an autoscaler: it is lost with the process, and then only makes the next step less cautious.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use skiff_client::ObjectKey;
use tokio::time::Instant;

/// The longest time that rules look back: a window of stabilization of an hour.
const LONGEST: Duration = Duration::from_secs(3600);

/// A number that was true at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Noted {
    pub(super) at: Instant,
    pub(super) count: i32,
}

/// Of one autoscaler, no longer ago than the rules look back.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// How many replicas the metrics wanted.
    pub(super) recommended: Vec<Noted>,
    /// How many replicas were added, negative for taken away.
    pub(super) steps: Vec<Noted>,
}

impl Memory {
    fn prune(&mut self, now: Instant) {
        for notes in [&mut self.recommended, &mut self.steps] {
            notes.retain(|noted| now.duration_since(noted.at) <= LONGEST);
        }
    }
}

/// Of all autoscalers.
#[derive(Default)]
pub(super) struct Memories(Mutex<HashMap<ObjectKey, Memory>>);

impl Memories {
    pub(super) fn get(&self, key: &ObjectKey) -> Memory {
        self.0.lock().get(key).cloned().unwrap_or_default()
    }

    /// Notes what the metrics wanted.
    pub(super) fn recommended(&self, key: &ObjectKey, now: Instant, count: i32) {
        let mut memories = self.0.lock();
        let memory = memories.entry(key.clone()).or_default();
        memory.prune(now);
        memory.recommended.push(Noted { at: now, count });
    }

    /// Notes a change of the count.
    pub(super) fn stepped(&self, key: &ObjectKey, now: Instant, by: i32) {
        let mut memories = self.0.lock();
        let memory = memories.entry(key.clone()).or_default();
        memory.steps.push(Noted { at: now, count: by });
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }
}
