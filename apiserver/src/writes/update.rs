//! Changes of objects that stand: update, patch, status, scale, binding and finalize differ in what they want alone.

use serde_json::Value;
use skiff_api::{Status, metadata};
use skiff_store::{Batch, CommitError, Entry, Revision};

use super::create::at;
use super::plan::{self, bump_generation, is_finished, merge};
use super::{ATTEMPTS, Writer, Writes, Written, store_failed};
use crate::admission::{self, Part};
use crate::codec::object_of;
use crate::codec::{encode, stamped};
use crate::storage::Encoded;

impl Writes<'_> {
    /// Changes a part of an object. `change` says from what stands what is wanted; when another write comes between, it is
    /// asked again. If it returns an object with a resource version, that must be the current one.
    pub(crate) async fn modify(
        &self,
        namespace: &str,
        name: &str,
        part: Part,
        writer: Writer<'_>,
        mut change: impl FnMut(&Value) -> Result<Value, Status> + Send,
    ) -> Result<Written, Status> {
        for _ in 0..ATTEMPTS {
            let entry = self.storage.get(namespace, name).await?;
            let old = object_of(&entry.value)?;
            let wanted = self.settled(|| change(&old)).await?;
            self.check_preconditions(name, &old, &wanted)?;
            let place = (namespace, name);
            let wanted = self.mutated(writer, part, place, &old, wanted).await?;
            let new = match self.storage.versions.is_plain() {
                true => self.planned(&old, wanted, part, writer)?,
                false => {
                    let plan = || self.planned(&old, wanted.clone(), part, writer);
                    self.settled(plan).await?
                }
            };
            self.permit(writer, part, Some(&old), &new)?;
            self.reviewed(writer, place, &new, Some(&old)).await?;
            if new == old {
                return Ok(Written::stays(entry.value));
            }
            let _turn = self.turn(namespace).await;
            if let Some(written) = self.try_write(&entry, &old, new, writer.dry_run).await? {
                return Ok(written);
            }
        }
        Err(self.modified(name))
    }

    /// 403 if it is not for this writer to write that.
    pub(super) fn permit(
        &self,
        writer: Writer<'_>,
        part: Part,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Status> {
        let Some(user) = writer.user else {
            return Ok(());
        };
        let write = admission::Write {
            user,
            descriptor: self.descriptor,
            part,
            old,
            new,
        };
        admission::permit(&self.api.authorizer, &write)
    }

    /// The object that is to be stored, if it is sound.
    fn planned(
        &self,
        old: &Value,
        mut wanted: Value,
        part: Part,
        writer: Writer<'_>,
    ) -> Result<Value, Status> {
        let strategy = &self.descriptor.strategy;
        let owners = plan::metadata(&mut wanted).remove("managedFields");
        let mut new = merge(old, wanted, part, self.descriptor.subresources.status);
        let is_spec = matches!(part, Part::Main | Part::EphemeralContainers | Part::Resize);
        if is_spec {
            strategy.default(&mut new);
        }
        self.own_changes(old, &mut new, owners, part, writer);
        let mut errors = Vec::new();
        match part {
            Part::Main => {
                strategy.prepare_update(&mut new, old);
                errors.extend(metadata::validate_update(&new, old));
                errors.extend(strategy.validate(&new));
                errors.extend(strategy.validate_update(&new, old));
                admission::check(&self.api.store.snapshot(), self.descriptor, &new)?;
            }
            Part::Status | Part::Approval => {
                errors.extend(metadata::validate_update(&new, old));
                errors.extend(strategy.validate_status(&new, old));
            }
            Part::EphemeralContainers => {
                errors.extend(strategy.validate(&new));
                errors.extend(strategy.validate_part(&new, old));
            }
            Part::Resize => {
                errors.extend(strategy.validate(&new));
                errors.extend(strategy.validate_resize(&new, old));
                admission::check_resize(&self.api.store.snapshot(), self.descriptor, &new)?;
            }
            Part::Finalizers | Part::Binding => {}
        }
        self.sound(&new, &errors)?;
        if is_spec {
            bump_generation(old, &mut new);
        }
        Ok(new)
    }

    /// Stores the new state of an object; `None` when another write came between.
    pub(super) async fn try_write(
        &self,
        entry: &Entry,
        old: &Value,
        mut new: Value,
        dry_run: bool,
    ) -> Result<Option<Written>, Status> {
        if is_finished(&new) && !dry_run {
            return self.try_remove(entry, old).await;
        }
        let snapshot = self.api.store.snapshot();
        let claims = self.claims(&snapshot, Some(old), Some(&mut new))?;
        let charges = admission::charge(&snapshot, self.descriptor, Some(old), Some(&new))?;
        let Encoded { stored, answer } = self.storage.encoded(&new).await?;
        if dry_run {
            if let Some(error) = claims.conflict(&snapshot) {
                return Err(self.invalid(&new, &[error]));
            }
            let object = stamped(&answer, &entry.key, entry.revision);
            return Ok(Some(Written::stays(object)));
        }
        let batch = Batch::update(entry.key.clone(), stored, entry.revision);
        let batch = charges.add_to(claims.add_to(batch, &entry.key, encode));
        match self.api.store.commit(batch).await {
            Ok(revision) => {
                let object = stamped(&answer, &entry.key, revision);
                Ok(Some(Written::stays(object)))
            }
            Err(CommitError::Precondition { index, .. }) => {
                match index.checked_sub(1).and_then(|at| claims.taken(at)) {
                    Some(error) => Err(self.invalid(&new, &[error])),
                    None => Ok(None),
                }
            }
            Err(CommitError::Absent { .. }) => Ok(None),
            Err(error) => Err(store_failed(&error)),
        }
    }

    /// Takes an object out of the store with all that it holds; `None` when another write came between.
    pub(super) async fn try_remove(
        &self,
        entry: &Entry,
        old: &Value,
    ) -> Result<Option<Written>, Status> {
        let snapshot = self.api.store.snapshot();
        let claims = self.claims(&snapshot, Some(old), None)?;
        let charges = admission::charge(&snapshot, self.descriptor, Some(old), None)?;
        let batch = Batch::default()
            .require(at(&entry.key, entry.revision))
            .delete(entry.key.clone());
        let batch = charges.add_to(claims.add_to(batch, &entry.key, encode));
        match self.api.store.commit(batch).await {
            Ok(revision) => Ok(Some(Written {
                object: entry.value_at(revision),
                gone: true,
            })),
            Err(CommitError::Precondition { .. } | CommitError::Absent { .. }) => Ok(None),
            Err(error) => Err(store_failed(&error)),
        }
    }

    /// 409 if the writer saw another version of the object, or another object of the same name.
    fn check_preconditions(&self, name: &str, old: &Value, wanted: &Value) -> Result<(), Status> {
        self.check_uid(name, old, metadata::uid(wanted))?;
        let version = metadata::resource_version(wanted);
        if version.is_empty() || version == metadata::resource_version(old) {
            return Ok(());
        }
        if version.parse::<u64>().map(Revision).is_err() {
            let path = skiff_api::field::Path::root("metadata").child("resourceVersion");
            let error = skiff_api::field::Error::invalid(
                &path,
                version,
                format!("strconv.ParseUint: parsing {version:?}: invalid syntax"),
            );
            return Err(self.invalid(old, &[error]));
        }
        Err(self.modified(name))
    }

    pub(super) fn check_uid(&self, name: &str, old: &Value, uid: &str) -> Result<(), Status> {
        if uid.is_empty() || uid == metadata::uid(old) {
            return Ok(());
        }
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            metadata::uid(old)
        );
        Err(Status::conflict(
            &self.descriptor.group_resource(),
            name,
            &why,
        ))
    }
}
