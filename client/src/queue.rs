//! A queue of keys: each at most once, never two workers on one key.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Keys to be worked on, deduplicated; so it never holds more keys than there are objects. Cheap to clone.
///
/// A key added while it is worked on comes again when it is done.
pub struct WorkQueue<T>(Arc<Shared<T>>);

impl<T> Clone for WorkQueue<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<T> {
    state: Mutex<State<T>>,
    wake: Notify,
}

struct State<T> {
    ready: VecDeque<T>,
    /// Keys in `ready`, or added while being worked on.
    waiting: HashSet<T>,
    working: HashSet<T>,
    /// Keys that come later: each once, at the earliest of its times, so that a key which always asks to come again
    /// does not do so more often with each change.
    later: BTreeMap<Turn, T>,
    turns: HashMap<T, Turn>,
    /// Tells keys of the same time apart.
    last_turn: u64,
    failures: HashMap<T, u32>,
}

type Turn = (Instant, u64);

impl<T: Clone + Eq + Hash> Default for WorkQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Eq + Hash> WorkQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        let state = State {
            ready: VecDeque::new(),
            waiting: HashSet::new(),
            working: HashSet::new(),
            later: BTreeMap::new(),
            turns: HashMap::new(),
            last_turn: 0,
            failures: HashMap::new(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            wake: Notify::new(),
        }))
    }

    /// Adds a key, unless it waits already.
    pub fn add(&self, key: T) {
        self.0.state.lock().add(key);
        self.0.wake.notify_one();
    }

    /// Adds a key when `delay` has passed; of several delays of a key the one that ends first counts.
    pub fn add_after(&self, key: T, delay: Duration) {
        self.0.state.lock().add_at(key, Instant::now() + delay);
        self.0.wake.notify_one();
    }

    /// Adds a key that failed, after 5 ms, 10 ms, 20 ms … up to 5 minutes.
    pub fn retry(&self, key: T) {
        let delay = {
            let mut state = self.0.state.lock();
            let failures = state.failures.entry(key.clone()).or_insert(0);
            *failures = failures.saturating_add(1);
            FIRST_RETRY
                .saturating_mul(1 << (*failures - 1).min(20))
                .min(LAST_RETRY)
        };
        self.add_after(key, delay);
    }

    /// Forgets the failures of a key.
    pub fn forget(&self, key: &T) {
        self.0.state.lock().failures.remove(key);
    }

    /// The next key, which is the caller's until [`WorkQueue::done`]. Cancel-safe.
    pub async fn next(&self) -> T {
        loop {
            let wake = self.0.wake.notified();
            let until = match self.0.state.lock().take() {
                Ok((key, more)) => {
                    if more {
                        self.0.wake.notify_one();
                    }
                    return key;
                }
                Err(until) => until,
            };
            match until {
                Some(at) => {
                    tokio::select! { _ = wake => {}, _ = tokio::time::sleep_until(at) => {} }
                }
                None => wake.await,
            }
        }
    }

    /// Ends the work on a key; if it was added meanwhile it comes again.
    pub fn done(&self, key: &T) {
        let mut state = self.0.state.lock();
        state.working.remove(key);
        if state.waiting.contains(key) {
            state.ready.push_back(key.clone());
            drop(state);
            self.0.wake.notify_one();
        }
    }
}

impl<T: Clone + Eq + Hash> State<T> {
    fn add(&mut self, key: T) {
        if self.waiting.insert(key.clone()) && !self.working.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn add_at(&mut self, key: T, at: Instant) {
        if let Some(turn) = self.turns.get(&key) {
            if turn.0 <= at {
                return;
            }
            self.later.remove(turn);
        }
        self.last_turn += 1;
        let turn = (at, self.last_turn);
        self.later.insert(turn, key.clone());
        self.turns.insert(key, turn);
    }

    /// The next key and whether more are ready, or when the next one will be.
    fn take(&mut self) -> Result<(T, bool), Option<Instant>> {
        let now = Instant::now();
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let key = first.remove();
            self.turns.remove(&key);
            self.add(key);
        }
        let Some(key) = self.ready.pop_front() else {
            return Err(self.later.keys().next().map(|(at, _)| *at));
        };
        self.waiting.remove(&key);
        self.working.insert(key.clone());
        Ok((key, !self.ready.is_empty() || !self.later.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_added_twice_comes_once_and_again_when_added_during_work() {
        let queue = WorkQueue::new();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.next().await, "a");
        queue.add("a");
        queue.add("b");
        assert_eq!(queue.next().await, "b", "a is being worked on");
        queue.done(&"a");
        assert_eq!(queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_come_later_and_later() {
        let queue = WorkQueue::new();
        let start = Instant::now();
        for expected_ms in [5, 15, 35] {
            queue.retry("a");
            assert_eq!(queue.next().await, "a");
            queue.done(&"a");
            assert!(start.elapsed() >= Duration::from_millis(expected_ms));
        }
        queue.forget(&"a");
        queue.retry("a");
        queue.next().await;
        assert!(start.elapsed() < Duration::from_millis(45));
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_times_to_come_later_the_first_counts() {
        let queue = WorkQueue::new();
        let start = Instant::now();
        for seconds in [30, 10, 20, 10] {
            queue.add_after("a", Duration::from_secs(seconds));
        }
        assert_eq!(queue.next().await, "a");
        assert_eq!(start.elapsed().as_secs(), 10);
        queue.done(&"a");
        let again = tokio::time::timeout(Duration::from_secs(60), queue.next()).await;
        assert!(again.is_err(), "it comes once");
    }
}
