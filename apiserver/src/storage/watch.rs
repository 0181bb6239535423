//! The changes of many objects, as events.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use skiff_api::Status;
use skiff_store::{Change, Entry, Revision, Snapshot, Watch};
use tokio::time::{self, Interval, MissedTickBehavior, Sleep};
use tokio_util::sync::CancellationToken;

use super::convert::Versions;
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
    versions: Versions,
    /// What stands at the beginning, until it is told.
    state: Vec<Entry>,
    /// What is told after that.
    then: Option<Event>,
    watch: Option<Watch>,
    bookmarks: Option<Interval>,
    /// Up to where the watcher knows.
    told: Revision,
    deadline: Pin<Box<Sleep>>,
    shutdown: CancellationToken,
    /// Ends it as well, when all has been told.
    until: Option<CancellationToken>,
}

impl Storage {
    /// Watches the objects of a namespace (of all, if it is empty) that the filter lets through.
    pub(crate) async fn watch(
        &self,
        namespace: &str,
        options: &ListOptions,
        filter: Filter,
        shutdown: CancellationToken,
    ) -> Result<Feed, Status> {
        let prefix = self.watched_prefix(namespace, &filter);
        let after = options.resource_version.unwrap_or(0);
        let wants_state = options.send_initial_events.unwrap_or(after == 0);
        // One that is yet to come is waited for by the watch.
        let snapshot = match options.resource_version {
            None => self.as_new_as(None).await?,
            Some(_) => self.objects.store.snapshot(),
        };
        let now = snapshot.revision();
        let (told, mut state) = match wants_state {
            true => (now, self.state(&snapshot, &prefix, &filter)),
            false if after == 0 => (now, Vec::new()),
            false => (Revision(after), Vec::new()),
        };
        drop(snapshot);
        let marks_end = options.send_initial_events == Some(true) && options.allow_bookmarks;
        let mut then = marks_end.then_some(Event::Bookmark(told, true));
        let watch = match self.objects.store.watch(&prefix, told) {
            Ok(watch) => Some(watch),
            Err(gone) => {
                let message = format!("too old resource version: {told} ({})", gone.oldest);
                state = Vec::new();
                then = Some(Event::Error(Status::expired(message)));
                None
            }
        };
        Ok(Feed {
            filter,
            versions: self.versions.clone(),
            state,
            then,
            watch,
            bookmarks: options.allow_bookmarks.then(bookmark_timer),
            told,
            deadline: Box::pin(time::sleep(options.timeout.unwrap_or_else(default_timeout))),
            shutdown,
            until: self.objects.definitions.until(&self.descriptor),
        })
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

    fn state(&self, snapshot: &Snapshot, prefix: &str, filter: &Filter) -> Vec<Entry> {
        let is_plain = self.versions.is_plain();
        let entries = snapshot.range(prefix, None);
        let entries = entries.filter(|entry| !is_plain || filter.matches(entry));
        entries.cloned().collect()
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
    /// Waits for events that the filter lets through, and returns all that have come; `None` at the end. A call that is
    /// dropped while a webhook converts objects loses them.
    pub(crate) async fn next(&mut self) -> Option<Vec<Event>> {
        let initial = self.initial().await;
        if !initial.is_empty() {
            return Some(initial);
        }
        loop {
            let events: Vec<Event> = match self.wake().await {
                Woken::Changes(changes) => self.events(changes).await,
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

    /// What is told first, once.
    async fn initial(&mut self) -> Vec<Event> {
        let state = std::mem::take(&mut self.state);
        let then = self.then.take();
        let mut shown = match self.versions.shown(state).await {
            Ok(shown) => shown,
            Err(status) => return vec![Event::Error(status)],
        };
        if !self.versions.is_plain() {
            shown.retain(|entry| self.filter.matches(entry));
        }
        shown.into_iter().map(Event::Added).chain(then).collect()
    }

    async fn events(&mut self, changes: Vec<Arc<Change>>) -> Vec<Event> {
        let looks_at_previous = !self.filter.is_everything();
        match self
            .versions
            .shown_changes(changes, looks_at_previous)
            .await
        {
            Ok(changes) => changes
                .iter()
                .filter_map(|change| self.event(change))
                .collect(),
            Err(status) => vec![Event::Error(status)],
        }
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
        let defined_anew = async {
            match &self.until {
                Some(until) => until.cancelled().await,
                None => std::future::pending().await,
            }
        };
        // Every arm is cancel-safe: timers and tokens keep their state, and the store's watch says so of itself.
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Woken::End,
            changes = watch.next() => changes.map_or(Woken::End, Woken::Changes),
            () = defined_anew => Woken::End,
            () = &mut self.deadline => Woken::Timeout,
            _ = bookmark_due => Woken::Bookmark,
        }
    }

    fn event(&mut self, change: &Change) -> Option<Event> {
        self.told = change.revision();
        let matched = |entry: &Entry| self.filter.matches(entry);
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
