//! The last step but one: objects of every kind, in and out of the store.
//!
//! Reads come from an immutable snapshot. A write is a plan (pure, in `plan`) from what stands and what is wanted to
//! what is stored, and one commit that fails if something came between; then it is planned again.

mod codec;
mod convert;
mod create;
mod delete;
mod filter;
mod list;
mod owners;
mod plan;
mod read;
mod seen;
mod unlisted;
mod update;
mod watch;
mod webhooks;

pub(crate) use codec::{encode, now, object_of, part_of};
pub(crate) use filter::Filter;
pub(crate) use list::Listing;
pub(crate) use update::Part;
pub(crate) use watch::{Event, Feed};

use std::sync::Arc;

use bytes::Bytes;
use skiff_api::{Descriptor, Status, UserInfo};
use skiff_store::{CommitError, Key};

use crate::api::Api;
use crate::webhooks::Warnings;
use convert::Versions;
use seen::Seen;

/// How often a write is planned again after another one came between.
pub(crate) const ATTEMPTS: usize = 8;

/// The objects of one kind.
pub(crate) struct Storage {
    api: Arc<Api>,
    descriptor: Arc<Descriptor>,
    versions: Versions,
    seen: Seen,
    /// `/registry/core/pods/`
    prefix: String,
}

/// How to write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writer<'a> {
    /// Do all but store it.
    pub(crate) dry_run: bool,
    /// Who writes; the server itself if nobody is named.
    pub(crate) user: Option<&'a UserInfo>,
    /// As whom managedFields know him.
    pub(crate) manager: &'a str,
    /// Through which subresource he writes, or empty.
    pub(crate) subresource: &'a str,
    /// Whether the object's managedFields are those of an apply.
    pub(crate) applies: bool,
    /// What webhooks want the user to know.
    pub(crate) warnings: Option<&'a Warnings>,
}

impl Storage {
    /// The objects of a kind.
    pub(crate) fn new(api: &Arc<Api>, descriptor: &Arc<Descriptor>) -> Self {
        let stored = descriptor.strategy.stored_version();
        let group = match stored.map_or(descriptor.group.as_ref(), |version| version.group()) {
            "" => "core",
            group => group,
        };
        Self {
            api: Arc::clone(api),
            prefix: format!("/registry/{group}/{}/", descriptor.plural),
            versions: Versions::new(api, descriptor),
            seen: Seen::default(),
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
    fn key(&self, namespace: &str, name: &str) -> Result<Key, Status> {
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

    /// 409, for a write that lost every race.
    fn modified(&self, name: &str) -> Status {
        Status::modified(&self.descriptor.group_resource(), name)
    }

    fn is_core(&self, plural: &str) -> bool {
        self.descriptor.group.is_empty() && self.descriptor.plural == plural
    }
}

/// What a write left: the object as stored, or as it was last.
pub(crate) struct Written {
    /// The object in JSON.
    pub(crate) object: Bytes,
    /// Whether the object is gone now.
    pub(crate) gone: bool,
}

impl Written {
    fn stays(object: Bytes) -> Self {
        Self {
            object,
            gone: false,
        }
    }
}

/// A commit that failed for a reason of the store's own.
fn store_failed(error: &CommitError) -> Status {
    match error {
        CommitError::TooLarge { .. } => Status::new(
            skiff_api::Reason::RequestEntityTooLarge,
            "etcdserver: request is too large",
        ),
        CommitError::DiskFull => Status::internal(
            "the disk of the cluster's data is full: nothing can be written until there is room again",
        ),
        CommitError::Closed => Status::new(
            skiff_api::Reason::ServiceUnavailable,
            "the store is shutting down",
        ),
        other => Status::internal(other.to_string()),
    }
}
