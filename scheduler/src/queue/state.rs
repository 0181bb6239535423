//! Who is next, and what brings those back who found no place: what happens, or time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use skiff_client::ObjectKey;
use tokio::time::Instant;

use crate::event::{Event, is_changed};
use crate::node_info::priority;
use crate::plugins::FILTERS;

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(10);
/// Events that are kept while a Pod is being placed; more than these count as anything.
const MOST_EVENTS: usize = 1000;

/// The Pods by where they wait.
#[derive(Default)]
pub(super) struct State {
    pods: HashMap<ObjectKey, Entry>,
    /// Pods to be placed: by priority, then by when they came.
    active: BTreeSet<(Reverse<i32>, u64, ObjectKey)>,
    /// Pods that were helped soon after they were refused; they come when nobody else does, or when their time has come.
    resting: BTreeSet<(Instant, ObjectKey)>,
    /// Pods that come at a time, whatever happens or does not.
    timed: BTreeSet<(Instant, ObjectKey)>,
    /// What has happened since the Pod that is being placed was taken.
    meanwhile: Vec<Event>,
    turn: u64,
}

struct Entry {
    pod: Arc<Pod>,
    attempts: u32,
    /// When it was refused last.
    refused_at: Option<Instant>,
    place: Place,
}

enum Place {
    Active(u64),
    Resting(Instant),
    /// Refused by these filters; if there is a time, it comes then at the latest.
    Waiting(BTreeSet<&'static str>, Option<Instant>),
    /// Being placed.
    Taken,
}

impl State {
    pub(super) fn add(&mut self, pod: Arc<Pod>) {
        let key = ObjectKey::of(&*pod);
        let Some(known) = self.pods.get_mut(&key) else {
            let entry = Entry {
                pod,
                attempts: 0,
                refused_at: None,
                place: Place::Taken,
            };
            self.pods.insert(key.clone(), entry);
            self.activate(&key);
            return;
        };
        let old = std::mem::replace(&mut known.pod, pod.clone());
        match known.place {
            Place::Taken if is_changed(&old, &pod) => self.note(Event::Itself),
            Place::Waiting(..) if is_changed(&old, &pod) => self.activate(&key),
            // Its place in the order may be another.
            Place::Active(_) if priority(&old) != priority(&pod) => {
                known.pod = old;
                self.leave(&key);
                if let Some(known) = self.pods.get_mut(&key) {
                    known.pod = pod;
                }
                self.activate(&key);
            }
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        self.leave(key);
        self.pods.remove(key);
    }

    pub(super) fn happened(&mut self, event: Event) {
        let helped: Vec<ObjectKey> = self
            .pods
            .iter()
            .filter(|(_, entry)| match &entry.place {
                Place::Waiting(by, _) => may_help(&entry.pod, by, &event),
                _ => false,
            })
            .map(|(key, _)| key.clone())
            .collect();
        helped.iter().for_each(|key| self.help(key));
        self.note(event);
    }

    fn note(&mut self, event: Event) {
        if self.meanwhile.len() < MOST_EVENTS {
            self.meanwhile.push(event);
        } else {
            self.meanwhile = vec![Event::Anything];
        }
    }

    /// A Pod may find a place now; so soon after it found none, others come first.
    fn help(&mut self, key: &ObjectKey) {
        let Some(entry) = self.pods.get(key) else {
            return;
        };
        let rested = entry.refused_at.map(|at| at + backoff(entry.attempts));
        match rested.filter(|at| *at > Instant::now()) {
            Some(at) => self.put(key, Place::Resting(at)),
            None => self.activate(key),
        }
    }

    pub(super) fn take(&mut self, now: Instant) -> Result<ObjectKey, Option<Instant>> {
        while let Some((at, key)) = self.timed.first().cloned() {
            if at > now {
                break;
            }
            self.activate(&key);
        }
        let next = self.active.first().map(|(_, _, key)| key.clone());
        let next = next.or_else(|| self.resting.first().map(|(_, key)| key.clone()));
        let Some(key) = next else {
            return Err(self.timed.first().map(|(at, _)| *at));
        };
        self.put(&key, Place::Taken);
        self.meanwhile.clear();
        Ok(key)
    }

    pub(super) fn refused(
        &mut self,
        key: &ObjectKey,
        by: BTreeSet<&'static str>,
        until: Option<Instant>,
    ) {
        let events = std::mem::take(&mut self.meanwhile);
        let Some(entry) = self.pods.get(key) else {
            return;
        };
        let is_helped = events.iter().any(|event| may_help(&entry.pod, &by, event));
        self.back_off(key);
        self.put(key, Place::Waiting(by, until));
        if is_helped {
            self.help(key);
        }
    }

    pub(super) fn failed(&mut self, key: &ObjectKey) {
        let at = self.back_off(key);
        self.put(key, Place::Waiting(BTreeSet::new(), Some(at)));
    }

    /// Counts an attempt that came to nothing; says when the next one may be.
    fn back_off(&mut self, key: &ObjectKey) -> Instant {
        let now = Instant::now();
        match self.pods.get_mut(key) {
            Some(entry) => {
                entry.attempts = entry.attempts.saturating_add(1);
                entry.refused_at = Some(now);
                now + backoff(entry.attempts)
            }
            None => now,
        }
    }

    pub(super) fn activate(&mut self, key: &ObjectKey) {
        self.turn += 1;
        self.put(key, Place::Active(self.turn));
    }

    fn put(&mut self, key: &ObjectKey, place: Place) {
        self.leave(key);
        let Some(entry) = self.pods.get_mut(key) else {
            return;
        };
        match &place {
            Place::Active(turn) => {
                let priority = Reverse(priority(&entry.pod));
                self.active.insert((priority, *turn, key.clone()));
            }
            Place::Resting(at) => {
                self.resting.insert((*at, key.clone()));
            }
            Place::Waiting(_, Some(at)) => {
                self.timed.insert((*at, key.clone()));
            }
            Place::Waiting(_, None) | Place::Taken => {}
        }
        entry.place = place;
    }

    fn leave(&mut self, key: &ObjectKey) {
        let Some(entry) = self.pods.get_mut(key) else {
            return;
        };
        match std::mem::replace(&mut entry.place, Place::Taken) {
            Place::Active(turn) => {
                let priority = Reverse(priority(&entry.pod));
                self.active.remove(&(priority, turn, key.clone()));
            }
            Place::Resting(at) => {
                self.resting.remove(&(at, key.clone()));
            }
            Place::Waiting(_, Some(at)) => {
                self.timed.remove(&(at, key.clone()));
            }
            Place::Waiting(_, None) | Place::Taken => {}
        }
    }
}

fn may_help(pod: &Pod, by: &BTreeSet<&'static str>, event: &Event) -> bool {
    match event {
        Event::Itself | Event::Anything => true,
        // It waits for its time, not for an event.
        _ if by.is_empty() => false,
        event => FILTERS
            .iter()
            .any(|filter| by.contains(filter.name()) && filter.may_be_helped(pod, event)),
    }
}

fn backoff(attempts: u32) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(1 << attempts.saturating_sub(1).min(10));
    doubled.min(LAST_BACKOFF)
}
