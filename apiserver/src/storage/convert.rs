//! Objects between the version that they are stored in and the one that they are asked for in. Most built-in kinds have
//! one version, and go through as they are.

use std::borrow::Cow;

use serde_json::Value;
use skiff_api::{Descriptor, Status};
use skiff_store::{Entry, Value as Stored};

use super::codec::{encode, object_of};
use super::{Event, Storage};

/// A stored object as its kind shows it.
pub(super) fn shown(descriptor: &Descriptor, entry: &Entry) -> Result<Entry, Status> {
    if let Some(version) = descriptor.strategy.stored_version() {
        let object = version.of_stored(object_of(&entry.value)?);
        return Ok(rewritten(entry, &object));
    }
    let custom = descriptor.strategy.custom();
    match custom.filter(|custom| custom.needs_look(&entry.value, entry.revision.0)) {
        None => Ok(entry.clone()),
        Some(custom) => {
            let object = custom.shown(object_of(&entry.value)?)?;
            Ok(rewritten(entry, &object))
        }
    }
}

/// The entry with another form of its object.
fn rewritten(entry: &Entry, object: &Value) -> Entry {
    Entry::new(
        entry.key.clone(),
        &encode(object),
        entry.revision,
        entry.created,
    )
}

/// An event whose object is as its kind shows it.
pub(super) fn shown_event(descriptor: &Descriptor, event: Event) -> Event {
    let strategy = &descriptor.strategy;
    if strategy.custom().is_none() && strategy.stored_version().is_none() {
        return event;
    }
    let event = match &event {
        Event::Added(entry) => shown(descriptor, entry).map(Event::Added),
        Event::Modified(entry) => shown(descriptor, entry).map(Event::Modified),
        Event::Deleted(entry, at) => shown(descriptor, entry).map(|it| Event::Deleted(it, *at)),
        Event::Bookmark(..) | Event::Error(_) => return event,
    };
    event.unwrap_or_else(Event::Error)
}

/// An object, written down twice.
pub(super) struct Encoded {
    /// For the store.
    pub(super) stored: Stored,
    /// For who wrote it.
    pub(super) answer: Stored,
}

impl Storage {
    /// The object in the version that it is stored in, and in the one that it was written in.
    pub(super) fn encoded(&self, object: &Value) -> Result<Encoded, Status> {
        let answer = encode(object);
        if let Some(version) = self.descriptor.strategy.stored_version() {
            let stored = encode(&version.to_stored(object.clone()));
            return Ok(Encoded { stored, answer });
        }
        let custom = self.descriptor.strategy.custom();
        let stored = match custom.map(|custom| custom.to_store(object)).transpose()? {
            Some(Cow::Owned(converted)) => encode(&converted),
            Some(Cow::Borrowed(_)) | None => answer.clone(),
        };
        Ok(Encoded { stored, answer })
    }
}
