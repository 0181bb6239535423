//! Objects between the version that they are stored in and the one that they are asked for in. Most built-in kinds have
//! one version, and go through as they are.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::{CustomResource, Descriptor, Status};
use skiff_store::{Change, Entry, Value as Stored};

use super::Storage;
use crate::codec::{encode, object_of};
use crate::conversion::{self, Converter};
use crate::definitions::Definitions;

/// The version of a kind that is asked for, and its way to the others.
#[derive(Clone)]
pub(crate) struct Versions {
    descriptor: Arc<Descriptor>,
    /// The webhook of a custom kind.
    converter: Option<Arc<Converter>>,
}

/// An object, written down twice.
pub(crate) struct Encoded {
    /// For the store.
    pub(crate) stored: Stored,
    /// For who wrote it.
    pub(crate) answer: Stored,
}

impl Versions {
    pub(super) fn new(definitions: &Definitions, descriptor: &Arc<Descriptor>) -> Self {
        let custom = descriptor.strategy.custom();
        let asks = custom.is_some_and(CustomResource::is_converted_by_webhook);
        Self {
            descriptor: Arc::clone(descriptor),
            converter: asks.then(|| definitions.converter(descriptor)).flatten(),
        }
    }

    fn custom(&self) -> Option<&CustomResource> {
        self.descriptor.strategy.custom()
    }

    /// Whether stored objects are shown as they are, all of them.
    pub(crate) fn is_plain(&self) -> bool {
        self.custom().is_none() && self.descriptor.strategy.stored_version().is_none()
    }

    /// Stored objects as the kind shows them.
    ///
    /// # Errors
    /// 500 if a webhook does not convert one of them.
    pub(super) async fn shown(&self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Status> {
        if let Some(version) = self.descriptor.strategy.stored_version() {
            for entry in &mut entries {
                let object = version.of_stored(object_of(&entry.value)?);
                *entry = rewritten(entry, &object);
            }
            return Ok(entries);
        }
        let Some(custom) = self.custom() else {
            return Ok(entries);
        };
        let (mut places, mut objects) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            if custom.needs_look(&entry.value, entry.revision.0) {
                let mut object = object_of(&entry.value)?;
                custom.complete(&mut object);
                places.push(at);
                objects.push(object);
            }
        }
        let objects = self.converted(objects, custom.api_version()).await?;
        for (at, object) in places.into_iter().zip(objects) {
            entries[at] = rewritten(&entries[at], &object);
        }
        Ok(entries)
    }

    /// A stored object as the kind shows it.
    pub(super) async fn shown_one(&self, entry: Entry) -> Result<Entry, Status> {
        let mut shown = self.shown(vec![entry.clone()]).await?;
        Ok(shown.pop().unwrap_or(entry))
    }

    /// Changes with their objects as the kind shows them; those that stood before only if somebody looks at them.
    pub(super) async fn shown_changes(
        &self,
        changes: Vec<Arc<Change>>,
        looks_at_previous: bool,
    ) -> Result<Vec<Arc<Change>>, Status> {
        if self.is_plain() {
            return Ok(changes);
        }
        let both = changes.iter().flat_map(|change| match &**change {
            Change::Put { entry, previous } => {
                let previous = previous.as_ref().filter(|_| looks_at_previous);
                [Some(entry), previous]
            }
            Change::Delete { previous, .. } => [Some(previous), None],
        });
        let entries = both.flatten().cloned().collect();
        let mut shown = self.shown(entries).await?.into_iter();
        let mut next = |was: &Entry| shown.next().unwrap_or_else(|| was.clone());
        let changes = changes.iter().map(|change| match &**change {
            Change::Put { entry, previous } => Change::Put {
                entry: next(entry),
                previous: previous.as_ref().map(|previous| match looks_at_previous {
                    true => next(previous),
                    false => previous.clone(),
                }),
            },
            Change::Delete { previous, revision } => Change::Delete {
                previous: next(previous),
                revision: *revision,
            },
        });
        Ok(changes.map(Arc::new).collect())
    }

    /// Custom resources in a version of their kind.
    pub(crate) async fn converted(
        &self,
        mut objects: Vec<Value>,
        version: &str,
    ) -> Result<Vec<Value>, Status> {
        let is_other = |at: &usize| objects[*at]["apiVersion"] != version;
        let others: Vec<usize> = (0..objects.len()).filter(is_other).collect();
        let Some(custom) = self.custom().filter(|_| !others.is_empty()) else {
            return Ok(objects);
        };
        if custom.is_converted_by_webhook() {
            let asked: Vec<Value> = others.iter().map(|at| objects[*at].take()).collect();
            let converter = self.converter.as_ref();
            let converter = converter.ok_or_else(|| conversion::failure(&asked[0], UNUSABLE))?;
            let converted = converter.convert(&asked, version).await?;
            for (at, object) in others.iter().zip(converted) {
                objects[*at] = object;
            }
        } else {
            for at in &others {
                objects[*at]["apiVersion"] = version.into();
            }
        }
        for at in others {
            custom.prune(&mut objects[at]);
        }
        Ok(objects)
    }
}

/// An object of one version of a resource in another one; what is no object stays what it is.
///
/// # Errors
/// 500 if a webhook does not convert it.
pub(crate) async fn in_version(
    definitions: &Definitions,
    object: &Value,
    from: &Arc<Descriptor>,
    to: &Descriptor,
) -> Result<Value, Status> {
    if !object.is_object() {
        return Ok(object.clone());
    }
    if from.strategy.custom().is_some() {
        let versions = Versions::new(definitions, from);
        let version = to.api_version();
        let converted = versions.converted(vec![object.clone()], &version);
        return Ok(converted.await?.pop().unwrap_or_default());
    }
    let stored = match from.strategy.stored_version() {
        Some(version) => version.to_stored(object.clone()),
        None => object.clone(),
    };
    Ok(match to.strategy.stored_version() {
        Some(version) => version.of_stored(stored),
        None => stored,
    })
}

/// What is said of a webhook that was found unusable when its definition was read; the log says why.
const UNUSABLE: &str = "failed: its client configuration cannot be used";

/// The entry with another form of its object.
fn rewritten(entry: &Entry, object: &Value) -> Entry {
    Entry::new(
        entry.key.clone(),
        &encode(object),
        entry.revision,
        entry.created,
    )
}

impl Storage {
    /// The object in the version that it is stored in, and in the one that it was written in.
    pub(crate) async fn encoded(&self, object: &Value) -> Result<Encoded, Status> {
        let answer = encode(object);
        let strategy = &self.descriptor.strategy;
        let stored = match (strategy.stored_version(), strategy.custom()) {
            (Some(version), _) => encode(&version.to_stored(object.clone())),
            (None, Some(custom)) if custom.stored_as() != custom.api_version() => {
                let objects = vec![object.clone()];
                let converted = self.versions.converted(objects, custom.stored_as()).await?;
                encode(converted.first().unwrap_or(object))
            }
            _ => answer.clone(),
        };
        Ok(Encoded { stored, answer })
    }
}
