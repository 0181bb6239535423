//! Objects of every kind, as they stand in the store, in the version in which they are asked for.
//!
//! Reads come from an immutable snapshot, as new as the request asks for, and a watch goes on from one. What changes objects is
//! `writes`.

mod convert;
mod filter;
mod fresh;
mod list;
mod objects;
mod read;
mod unlisted;
mod watch;

pub(crate) use convert::{Encoded, in_version};
pub(crate) use filter::Filter;
pub(crate) use list::Listing;
pub(crate) use objects::Objects;
pub(crate) use watch::{Event, Feed};

use std::sync::Arc;

use skiff_api::{Descriptor, Status};
use skiff_store::Key;

use convert::Versions;

/// The objects of one kind.
pub(crate) struct Storage {
    objects: Arc<Objects>,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) versions: Versions,
    /// `/registry/core/pods/`
    prefix: String,
}

impl Storage {
    /// The objects of a kind.
    fn new(objects: &Arc<Objects>, descriptor: &Arc<Descriptor>) -> Self {
        let group = match descriptor.stored_group() {
            "" => "core",
            group => group,
        };
        Self {
            objects: Arc::clone(objects),
            prefix: format!("/registry/{group}/{}/", descriptor.plural),
            versions: Versions::new(&objects.definitions, descriptor),
            descriptor: Arc::clone(descriptor),
        }
    }

    /// Where the objects of a namespace are; of all when it is empty or the kind has none.
    fn prefix_of(&self, namespace: &str) -> String {
        if namespace.is_empty() || !self.descriptor.is_namespaced() {
            self.prefix.clone()
        } else {
            format!("{}{namespace}/", self.prefix)
        }
    }

    /// Where an object is. No object has a name that cannot be a key.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> Result<Key, Status> {
        let sound = |part: &str| !part.is_empty() && !part.contains('/');
        let namespaced = self.descriptor.is_namespaced();
        if !sound(name) || (namespaced && !sound(namespace)) {
            return Err(self.not_found(name));
        }
        let key = format!("{}{name}", self.prefix_of(namespace));
        Key::new(key).map_err(|_| self.not_found(name))
    }

    fn not_found(&self, name: &str) -> Status {
        Status::not_found(&self.descriptor.group_resource(), name)
    }
}
