//! Objects that go, at once or after a grace.

use jiff::Timestamp;
use serde_json::Value;
use skiff_api::{SYSTEM_PRIORITY_CLASSES, Status, metadata};

use super::plan::{self, Deletion};
use super::{ATTEMPTS, Writer, Writes, Written};
use crate::codec::object_of;
use crate::request::{DeleteOptions, ListOptions};
use crate::storage::{Filter, Listing};

/// Namespaces that every cluster has.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

fn is_system_class(name: &str) -> bool {
    SYSTEM_PRIORITY_CLASSES
        .iter()
        .any(|(class, _)| *class == name)
}

impl Writes<'_> {
    /// Deletes an object, or marks it to go. Whether it is a dry run, the options say.
    pub(crate) async fn delete(
        &self,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
        writer: Writer<'_>,
    ) -> Result<Written, Status> {
        if self.is_core("namespaces") && IMMORTAL.contains(&name) {
            let resource = self.descriptor.group_resource();
            let why = "this namespace may not be deleted";
            return Err(Status::forbidden(&resource, name, why));
        }
        if self.descriptor.plural == "priorityclasses" && is_system_class(name) {
            let resource = self.descriptor.group_resource();
            let why = "this is a system priority class and cannot be deleted";
            return Err(Status::forbidden(&resource, name, why));
        }
        for _ in 0..ATTEMPTS {
            let entry = self.storage.get(namespace, name).await?;
            let old = object_of(&entry.value)?;
            self.check_deletable(name, &old, options)?;
            self.delete_reviewed(writer, (namespace, name), &old, options)
                .await?;
            let _turn = self.turn(namespace).await;
            let written = match plan::delete(&old, options, Timestamp::now()) {
                Deletion::Unchanged => Some(Written::stays(entry.value)),
                Deletion::Now if options.dry_run => Some(Written {
                    object: entry.value,
                    gone: true,
                }),
                Deletion::Now => self.try_remove(&entry, &old).await?,
                Deletion::Mark(new) => self.try_write(&entry, &old, new, options.dry_run).await?,
            };
            if let Some(written) = written {
                return Ok(written);
            }
        }
        Err(self.modified(name))
    }

    fn check_deletable(
        &self,
        name: &str,
        old: &Value,
        options: &DeleteOptions,
    ) -> Result<(), Status> {
        self.check_uid(name, old, options.uid.as_deref().unwrap_or_default())?;
        let current = metadata::resource_version(old);
        match options.resource_version.as_deref() {
            Some(wanted) if wanted != current => {
                let why = format!(
                    "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {current}"
                );
                Err(Status::conflict(
                    &self.descriptor.group_resource(),
                    name,
                    &why,
                ))
            }
            _ => Ok(()),
        }
    }

    /// Deletes every object that the filter lets through; those that go meanwhile by themselves are no error.
    pub(crate) async fn delete_collection(
        &self,
        namespace: &str,
        list: &ListOptions,
        filter: &Filter,
        options: &DeleteOptions,
        writer: Writer<'_>,
    ) -> Result<Listing, Status> {
        let listing = self.storage.list(namespace, list, filter).await?;
        for entry in &listing.entries {
            let object = object_of(&entry.value)?;
            let (namespace, name) = (metadata::namespace(&object), metadata::name(&object));
            match self.delete(namespace, name, options, writer).await {
                Ok(_) => {}
                Err(status) if status.reason == skiff_api::Reason::NotFound => {}
                Err(status) => return Err(status),
            }
        }
        Ok(listing)
    }
}
