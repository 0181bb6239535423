//! The changes of many objects, as events.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use skiff_api::Status;
use skiff_store::{Change, Entry, Revision, Watch};
use tokio::time::{self, Interval, MissedTickBehavior, Sleep};
use tokio_util::sync::CancellationToken;

use super::convert::shown_event;
use super::{Filter, Storage};
use crate::request::ListOptions;

/// How often a watch without changes says how far it has come.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// A watch without a timeout ends by itself after this time, up to twice of it, so that clients spread out.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// What happened to an object, as its watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The object came, or came into the watcher's selection.
    Added(Entry),
    /// The object changed.
    Modified(Entry),
    /// The object went, or left the selection, at this revision; as it was last.
    Deleted(Entry, Revision),
    /// Everything up to this revision has been told; `true` at the end of the initial events.
    Bookmark(Revision, bool),
    /// The watch cannot go on.
    Error(Status),
}

/// The events of a watch.
pub(crate) struct Feed {
    filter: Filter,
    initial: Vec<Event>,
    watch: Option<Watch>,
    bookmarks: Option<Interval>,
    /// Up to where the watcher knows.
    told: Revision,
    deadline: Pin<Box<Sleep>>,
    shutdown: CancellationToken,
}

impl Storage {
    /// Watches the objects of a namespace (of all, if it is empty) that the filter lets through.
    pub(crate) fn watch(
        &self,
        namespace: &str,
        options: &ListOptions,
        filter: Filter,
        shutdown: CancellationToken,
    ) -> Feed {
        let prefix = self.watched_prefix(namespace, &filter);
        let after = options.resource_version.unwrap_or(0);
        let wants_state = options.send_initial_events.unwrap_or(after == 0);
        let (told, mut initial) = if wants_state {
            self.state(&prefix, &filter)
        } else {
            let now = self.api.store.revision();
            (if after == 0 { now } else { Revision(after) }, Vec::new())
        };
        if options.send_initial_events == Some(true) && options.allow_bookmarks {
            initial.push(Event::Bookmark(told, true));
        }
        let watch = match self.api.store.watch(&prefix, told) {
            Ok(watch) => Some(watch),
            Err(gone) => {
                let message = format!("too old resource version: {told} ({})", gone.oldest);
                initial = vec![Event::Error(Status::expired(message))];
                None
            }
        };
        Feed {
            filter,
            initial,
            watch,
            bookmarks: options.allow_bookmarks.then(bookmark_timer),
            told,
            deadline: Box::pin(time::sleep(options.timeout.unwrap_or_else(default_timeout))),
            shutdown,
        }
    }

    /// The keys that can matter: those of one name where it is known in which namespace.
    fn watched_prefix(&self, namespace: &str, filter: &Filter) -> String {
        let prefix = self.prefix_of(namespace);
        let complete = !namespace.is_empty() || !self.descriptor.is_namespaced();
        match filter.name() {
            Some(name) if complete => prefix + name,
            _ => prefix,
        }
    }

    fn state(&self, prefix: &str, filter: &Filter) -> (Revision, Vec<Event>) {
        let snapshot = self.api.store.snapshot();
        let events = snapshot
            .range(prefix, None)
            .filter(|entry| filter.matches(&entry.value))
            .map(|entry| Event::Added(entry.clone()))
            .collect();
        (snapshot.revision(), events)
    }
}

fn bookmark_timer() -> Interval {
    let start = time::Instant::now() + BOOKMARK_EVERY;
    let mut timer = time::interval_at(start, BOOKMARK_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

fn default_timeout() -> Duration {
    TIMEOUT.mul_f64(rand::rng().random_range(1.0..2.0))
}

/// What ends the wait for changes.
enum Woken {
    Changes(Vec<Arc<Change>>),
    Bookmark,
    Timeout,
    End,
}

impl Feed {
    /// Waits for events that the filter lets through, and returns all that have come; `None` at the end. Cancel-safe: a
    /// dropped call loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Vec<Event>> {
        if !self.initial.is_empty() {
            let initial = std::mem::take(&mut self.initial).into_iter();
            return Some(self.shown(initial).collect());
        }
        loop {
            let events: Vec<Event> = match self.wake().await {
                Woken::Changes(changes) => {
                    let events = changes.iter().filter_map(|change| self.event(change));
                    let events: Vec<Event> = events.collect();
                    self.shown(events.into_iter()).collect()
                }
                Woken::Bookmark => self.bookmark().into_iter().collect(),
                Woken::Timeout => {
                    // The last bookmark lets the client come back without a gap to fill.
                    let last = self.bookmarks.is_some().then(|| self.bookmark()).flatten();
                    self.watch = None;
                    return last.map(|event| vec![event]);
                }
                Woken::End => return None,
            };
            if !events.is_empty() {
                return Some(events);
            }
        }
    }

    /// The events with their objects in the version that is watched.
    fn shown(&self, events: impl Iterator<Item = Event>) -> impl Iterator<Item = Event> {
        events.map(|event| shown_event(self.filter.descriptor(), event))
    }

    async fn wake(&mut self) -> Woken {
        let Some(watch) = &mut self.watch else {
            return Woken::End;
        };
        let bookmark_due = async {
            match &mut self.bookmarks {
                Some(timer) => timer.tick().await,
                None => std::future::pending().await,
            }
        };
        // Every arm is cancel-safe: timers and tokens keep their state, and the store's watch says so of itself.
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Woken::End,
            changes = watch.next() => changes.map_or(Woken::End, Woken::Changes),
            () = &mut self.deadline => Woken::Timeout,
            _ = bookmark_due => Woken::Bookmark,
        }
    }

    fn event(&mut self, change: &Change) -> Option<Event> {
        self.told = change.revision();
        let matched = |entry: &Entry| self.filter.matches(&entry.value);
        match change {
            Change::Put { entry, previous } => {
                let before = previous.as_ref().filter(|previous| matched(previous));
                match (matched(entry), before) {
                    (true, None) => Some(Event::Added(entry.clone())),
                    (true, Some(_)) => Some(Event::Modified(entry.clone())),
                    (false, Some(before)) => Some(Event::Deleted(before.clone(), entry.revision)),
                    (false, None) => None,
                }
            }
            Change::Delete { previous, revision } => {
                matched(previous).then(|| Event::Deleted(previous.clone(), *revision))
            }
        }
    }

    fn bookmark(&mut self) -> Option<Event> {
        let reached = self.watch.as_ref()?.revision();
        let news = reached > self.told;
        self.told = reached.max(self.told);
        news.then_some(Event::Bookmark(reached, false))
    }
}
