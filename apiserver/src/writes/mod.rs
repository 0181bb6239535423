//! The last step but one: objects made, changed and deleted.
//!
//! A write is a plan (pure, in `plan`) from what stands and what is wanted to what is stored, admitted by plugins, policies
//! and webhooks, and one commit that fails if something came between; then it is planned again.

mod create;
mod delete;
mod owners;
mod plan;
mod seen;
mod update;
mod webhooks;

use bytes::Bytes;
use skiff_api::{Descriptor, Status, UserInfo};
use skiff_store::CommitError;

use crate::api::Api;
use crate::matching::Warnings;
use crate::storage::Storage;
use seen::Seen;

/// How often a write is planned again after another one came between.
pub(crate) const ATTEMPTS: usize = 8;

/// Writes to the objects of one kind.
pub(crate) struct Writes<'a> {
    api: &'a Api,
    storage: &'a Storage,
    descriptor: &'a Descriptor,
    seen: Seen,
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

impl<'a> Writes<'a> {
    /// Writes to what stands in a storage.
    pub(crate) fn new(api: &'a Api, storage: &'a Storage) -> Self {
        Self {
            api,
            storage,
            descriptor: &storage.descriptor,
            seen: Seen::default(),
        }
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
        CommitError::Unavailable => {
            Status::new(skiff_api::Reason::ServiceUnavailable, error.to_string())
        }
        CommitError::Unknown => Status::new(skiff_api::Reason::Timeout, error.to_string()),
        other => Status::internal(other.to_string()),
    }
}
