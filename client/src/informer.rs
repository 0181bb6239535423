//! A cache of one kind, kept true by list-watch.

mod shelf;

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use kube::{Resource, ResourceExt};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::ObjectKey;
use shelf::{Shelf, Slot};

/// What a kind must be to be cached.
pub trait Watched:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + Send + Sync + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}

/// A change of the cache, told to handlers in the order of the API server.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// The object was not in the cache before.
    Added(Arc<K>),
    /// The object was in the cache.
    Updated {
        /// As it was.
        old: Arc<K>,
        /// As it is.
        new: Arc<K>,
    },
    /// The object is gone; this is the last state seen.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// The newest state that the change tells of.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Change::Added(object)
            | Change::Updated { new: object, .. }
            | Change::Deleted(object) => object,
        }
    }
}

type Handler<K> = Box<dyn Fn(&Change<K>) + Send + Sync>;
type IndexFn<K> = Box<dyn Fn(&K) -> Vec<String> + Send + Sync>;

/// A shared cache of one kind. Cheap to clone.
pub struct Informer<K>(Arc<Shared<K>>);

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<K> {
    objects: RwLock<Shelf<K>>,
    /// Held while a change is applied and told, so that handlers see each change once and in order.
    listeners: Mutex<Listeners<K>>,
    /// The newest revision seen, 0 before the first list is complete.
    seen: watch::Sender<u64>,
}

struct Listeners<K> {
    indexes: Vec<Arc<IndexData<K>>>,
    handlers: Vec<Handler<K>>,
}

impl<K: Watched> Informer<K> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            objects: RwLock::new(Shelf::default()),
            listeners: Mutex::new(Listeners {
                indexes: Vec::new(),
                handlers: Vec::new(),
            }),
            seen: watch::channel(0).0,
        }))
    }

    /// The object of that key, if it is in the cache.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.0.objects.read().get(key)
    }

    /// All objects, in no order.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.each().collect()
    }

    /// All objects, one after the other: of many few are in memory at a time.
    fn each(&self) -> impl Iterator<Item = Arc<K>> + use<K> {
        let slots = self.0.objects.read().slots();
        slots.into_iter().filter_map(|slot| slot.object())
    }

    /// All objects of a namespace, in no order.
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<K>> {
        let objects = self.0.objects.read();
        let slots = objects.slots_of(|key| key.namespace == namespace);
        drop(objects);
        slots.iter().filter_map(Slot::object).collect()
    }

    /// Calls `handler` for each object there is, then for each change, in order and on the watching task.
    ///
    /// A handler must be quick (it maps a change to keys of a queue) and must not register handlers on the same informer.
    pub fn on_change(&self, handler: impl Fn(&Change<K>) + Send + Sync + 'static) {
        let mut listeners = self.0.listeners.lock();
        for object in self.each() {
            handler(&Change::Added(object));
        }
        listeners.handlers.push(Box::new(handler));
    }

    /// An index of the objects by what `keys` says of each; it changes before any handler is told.
    pub fn index(&self, keys: impl Fn(&K) -> Vec<String> + Send + Sync + 'static) -> Index<K> {
        let data = Arc::new(IndexData {
            keys: Box::new(keys),
            objects: RwLock::default(),
        });
        let mut listeners = self.0.listeners.lock();
        for object in self.each() {
            data.replace(None, Some(&object));
        }
        listeners.indexes.push(data.clone());
        Index {
            data,
            informer: self.clone(),
        }
    }

    /// Waits until the first list is complete.
    pub async fn ready(&self) {
        self.caught_up_to(1).await;
    }

    /// Whether the first list is complete.
    pub fn is_ready(&self) -> bool {
        *self.0.seen.borrow() > 0
    }

    /// Waits until the cache has seen `written`, an answer of the API server to a write of this kind.
    ///
    /// A reconciler that waits so never plans on a cache older than its own writes.
    /// Revisions compare as numbers: KEP-5504 (comparable resource version).
    pub async fn caught_up(&self, written: &K) {
        let revision = written
            .resource_version()
            .and_then(|revision| revision.parse().ok());
        self.caught_up_to(revision.unwrap_or(0)).await;
    }

    async fn caught_up_to(&self, revision: u64) {
        // The sender lives in `self`, so the wait ends only when the condition holds.
        let _ = self
            .0
            .seen
            .subscribe()
            .wait_for(|seen| *seen >= revision)
            .await;
    }

    pub(crate) fn apply(&self, object: K) {
        let revision = revision_of(&object);
        let listeners = self.0.listeners.lock();
        self.put(&listeners, Arc::new(object));
        drop(listeners);
        self.saw(revision);
    }

    pub(crate) fn delete(&self, object: K) {
        let revision = revision_of(&object);
        let listeners = self.0.listeners.lock();
        self.remove(&listeners, &ObjectKey::of(&object));
        drop(listeners);
        self.saw(revision);
    }

    /// Makes the cache equal to a complete list.
    pub(crate) fn replace(&self, listed: Listed<K>) {
        let listeners = self.0.listeners.lock();
        let kept: HashSet<&ObjectKey> = listed.objects.keys().collect();
        let objects = self.0.objects.read();
        let gone = objects.keys().filter(|key| !kept.contains(key));
        let gone: Vec<ObjectKey> = gone.cloned().collect();
        drop(objects);
        for key in gone {
            self.remove(&listeners, &key);
        }
        for slot in listed.objects.into_slots() {
            if let Some(object) = slot.object() {
                self.put(&listeners, object);
            }
        }
        drop(listeners);
        self.saw(listed.newest.max(1));
    }

    fn put(&self, listeners: &Listeners<K>, new: Arc<K>) {
        let key = ObjectKey::of(&*new);
        let old = self.0.objects.write().put(key, new.clone());
        match old {
            Some(old) if old.resource_version() == new.resource_version() => {}
            // Deleted and made anew while nobody watched: another object, whatever its name.
            Some(old) if old.uid() != new.uid() => {
                listeners.tell(&Change::Deleted(old));
                listeners.tell(&Change::Added(new));
            }
            Some(old) => listeners.tell(&Change::Updated { old, new }),
            None => listeners.tell(&Change::Added(new)),
        }
    }

    fn remove(&self, listeners: &Listeners<K>, key: &ObjectKey) {
        let Some(old) = self.0.objects.write().remove(key) else {
            return;
        };
        listeners.tell(&Change::Deleted(old));
    }

    fn saw(&self, revision: u64) {
        self.0.seen.send_if_modified(|seen| {
            let newer = revision > *seen;
            *seen = revision.max(*seen);
            newer
        });
    }
}

/// A list that is still coming in.
pub(crate) struct Listed<K> {
    objects: Shelf<K>,
    newest: u64,
}

impl<K> Default for Listed<K> {
    fn default() -> Self {
        Self {
            objects: Shelf::default(),
            newest: 0,
        }
    }
}

impl<K: Watched> Listed<K> {
    pub(crate) fn push(&mut self, object: K) {
        self.newest = self.newest.max(revision_of(&object));
        let object = Arc::new(object);
        self.objects.put(ObjectKey::of(&*object), object);
    }
}

fn revision_of<K: Resource>(object: &K) -> u64 {
    object
        .meta()
        .resource_version
        .as_deref()
        .and_then(|revision| revision.parse().ok())
        .unwrap_or(0)
}

impl<K: Watched> Listeners<K> {
    fn tell(&self, change: &Change<K>) {
        let (old, new) = match change {
            Change::Added(new) => (None, Some(new)),
            Change::Updated { old, new } => (Some(old), Some(new)),
            Change::Deleted(old) => (Some(old), None),
        };
        for index in &self.indexes {
            index.replace(old, new);
        }
        for handler in &self.handlers {
            handler(change);
        }
    }
}

/// Objects by a key computed from each, such as a Pod's node. Cheap to clone.
pub struct Index<K> {
    data: Arc<IndexData<K>>,
    informer: Informer<K>,
}

impl<K> Clone for Index<K> {
    fn clone(&self) -> Self {
        Self {
            data: self.data.clone(),
            informer: self.informer.clone(),
        }
    }
}

struct IndexData<K> {
    keys: IndexFn<K>,
    objects: RwLock<HashMap<String, HashSet<ObjectKey>>>,
}

impl<K: Watched> Index<K> {
    /// The objects of which the index function named `key`, in no order.
    pub fn get(&self, key: &str) -> Vec<Arc<K>> {
        let found = self.data.objects.read().get(key).cloned();
        let names = found.into_iter().flatten();
        names.filter_map(|name| self.informer.get(&name)).collect()
    }
}

impl<K: Watched> IndexData<K> {
    fn replace(&self, old: Option<&Arc<K>>, new: Option<&Arc<K>>) {
        let mut objects = self.objects.write();
        if let Some(old) = old {
            let name = ObjectKey::of(&**old);
            for key in (self.keys)(old) {
                if let Some(slot) = objects.get_mut(&key) {
                    slot.remove(&name);
                    if slot.is_empty() {
                        objects.remove(&key);
                    }
                }
            }
        }
        if let Some(new) = new {
            for key in (self.keys)(new) {
                objects
                    .entry(key)
                    .or_default()
                    .insert(ObjectKey::of(&**new));
            }
        }
    }
}

#[cfg(test)]
mod tests;
