//! New objects.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use skiff_api::field::Errors;
use skiff_api::trace::{self, Stage};
use skiff_api::{CustomResource, Reason, Status, metadata, names};
use skiff_store::{Batch, CommitError, Key, Precondition, Revision};

use super::plan::{metadata as metadata_of, stamp_new};
use super::{ATTEMPTS, Writer, Writes, store_failed};
use crate::admission;
use crate::admission::Part;
use crate::codec::{encode, stamped};
use crate::services::Claims;
use crate::storage::Encoded;

/// Why an attempt to create an object failed.
enum Lost {
    /// Its name is taken.
    Name,
    /// Something that it was planned on changed.
    Race,
    /// For good.
    Failed(Status),
}

impl From<Status> for Lost {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

impl Writes<'_> {
    /// Makes an object, which has been decoded and held against its schema.
    pub(crate) async fn create(
        &self,
        namespace: &str,
        mut object: Value,
        writer: Writer<'_>,
    ) -> Result<Bytes, Status> {
        self.check_open()?;
        self.prepare(namespace, &mut object, writer)?;
        let mut guard = self.guard(&object).await?;
        self.complete(writer, &mut object).await?;
        let name = metadata::name(&object).to_owned();
        let place = (namespace, name.as_str());
        if self.mutated_new(writer, place, &mut object).await? {
            // What webhooks add, such as a container, is completed as well.
            self.complete(writer, &mut object).await?;
        }
        self.permit(writer, Part::Main, None, &object)?;
        let generated = metadata::name(&object).is_empty();
        if !generated {
            self.descriptor.strategy.prepare_create(&mut object);
        }
        let mut lost = Lost::Race;
        for _ in 0..ATTEMPTS {
            let object = match generated {
                true => Cow::Owned(self.named(&object)),
                false => Cow::Borrowed(&object),
            };
            if self.api.webhooks.can_refuse() {
                self.review_new(writer, place, &object).await?;
            }
            // Not while webhooks are asked, who may write to the namespace themselves.
            let _turn = self.turn(namespace).await;
            let created = self.try_create(namespace, &object, guard, writer.dry_run);
            match created.await {
                Ok(bytes) => return Ok(bytes),
                Err(Lost::Failed(status)) => return Err(status),
                Err(Lost::Name) if !generated => return Err(self.exists(&object)),
                Err(raced) => lost = raced,
            }
            guard = self.guard(&object).await?;
        }
        Err(match lost {
            Lost::Name => self.exists(&object),
            _ => self.modified(metadata::name(&object)),
        })
    }

    /// 405 for a custom resource whose definition is being deleted.
    fn check_open(&self) -> Result<(), Status> {
        let custom = self.descriptor.strategy.custom();
        if !custom.is_some_and(CustomResource::is_terminating) {
            return Ok(());
        }
        let message = "create not allowed while custom resource definition is terminating";
        Err(Status::new(Reason::MethodNotAllowed, message))
    }

    /// Drops what a client may not set, and sets what only the server may.
    fn prepare(
        &self,
        namespace: &str,
        object: &mut Value,
        writer: Writer<'_>,
    ) -> Result<(), Status> {
        if !metadata::resource_version(object).is_empty() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Status::bad_request(message));
        }
        let has_status = self.descriptor.subresources.status;
        // A Node is the one kind that may bring its status along (its kubelet registers it).
        if has_status
            && !self.is_core("nodes")
            && let Some(fields) = object.as_object_mut()
        {
            fields.remove("status");
        }
        let has_generation = has_status
            || self.descriptor.plural == "endpointslices"
            || self.descriptor.strategy.custom().is_some();
        // Of the thread's own generator, which need not ask the kernel each time.
        let uid = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let owners = metadata_of(object).remove("managedFields");
        stamp_new(object, uid.to_string(), Timestamp::now(), has_generation);
        if self.descriptor.is_namespaced() {
            metadata_of(object).insert("namespace".into(), namespace.into());
        }
        self.descriptor.strategy.default(object);
        // What admission adds is nobody's, as in Kubernetes.
        match owners {
            Some(owners) if writer.applies => {
                metadata_of(object).insert("managedFields".into(), owners);
            }
            _ if writer.applies => {}
            _ => self.own_new(object, writer),
        }
        Ok(())
    }

    /// What must hold of the namespace when the object is stored. One that is not known may have been made elsewhere.
    async fn guard(&self, object: &Value) -> Result<Option<Precondition>, Status> {
        let known = self.api.store.snapshot();
        match admission::namespace_guard(&known, self.descriptor, object) {
            Err(status) if status.reason == Reason::NotFound => {
                let newest = self.storage.as_new_as(None).await?;
                admission::namespace_guard(&newest, self.descriptor, object)
            }
            guard => guard,
        }
    }

    fn means(&self) -> admission::Means<'_> {
        admission::Means {
            store: &self.api.store,
            tokens: &self.api.tokens,
            ca_pem: &self.api.config.client_ca_pem,
        }
    }

    /// A copy with a name of its own.
    fn named(&self, object: &Value) -> Value {
        let mut object = object.clone();
        generate_name(&mut object);
        // After the name: a Job labels its Pods with it.
        self.descriptor.strategy.prepare_create(&mut object);
        object
    }

    /// Adds what the cluster adds to new objects.
    async fn complete(&self, writer: Writer<'_>, object: &mut Value) -> Result<(), Status> {
        if admission::mutate(&self.means(), self.descriptor, writer.user, object).await? {
            self.descriptor.strategy.default(object);
        }
        Ok(())
    }

    /// Asks webhooks about a sound object as it would be stored.
    async fn review_new(
        &self,
        writer: Writer<'_>,
        place: (&str, &str),
        object: &Value,
    ) -> Result<(), Status> {
        let mut object = Cow::Borrowed(object);
        if self.has_claims() {
            let snapshot = self.api.store.snapshot();
            self.claims(&snapshot, None, Some(object.to_mut()))?;
        }
        self.check_new(&object)?;
        self.reviewed(writer, place, &object, None).await
    }

    async fn try_create(
        &self,
        namespace: &str,
        object: &Value,
        guard: Option<Precondition>,
        dry_run: bool,
    ) -> Result<Bytes, Lost> {
        let snapshot = self.api.store.snapshot();
        let mut object = Cow::Borrowed(object);
        let mut claims = Claims::default();
        if self.has_claims() {
            claims = self.claims(&snapshot, None, Some(object.to_mut()))?;
        }
        self.check_new(&object)?;
        let charges = admission::charge(&snapshot, self.descriptor, None, Some(&object))?;
        let key = self.storage.key(namespace, metadata::name(&object))?;
        let Encoded { stored, answer } = self.storage.encoded(&object).await?;
        if dry_run {
            return match (snapshot.get(&key), claims.conflict(&snapshot)) {
                (Some(_), _) => Err(Lost::Name),
                (None, Some(error)) => Err(self.invalid(&object, &[error]).into()),
                // No write gives it a resource version.
                (None, None) => Ok(object.to_string().into()),
            };
        }
        let mut batch = Batch::create(key.clone(), stored);
        let first_claim = 1 + usize::from(guard.is_some());
        batch.preconditions.extend(guard);
        let batch = charges.add_to(claims.add_to(batch, &key, encode));
        match self.api.store.commit(batch).await {
            Ok(revision) => {
                self.trace(&object);
                Ok(stamped(&answer, &key, revision))
            }
            Err(CommitError::Precondition { index: 0, .. }) => Err(Lost::Name),
            Err(CommitError::Precondition { index, .. }) => {
                match index
                    .checked_sub(first_claim)
                    .and_then(|at| claims.taken(at))
                {
                    Some(error) => Err(self.invalid(&object, &[error]).into()),
                    None => Err(Lost::Race),
                }
            }
            Err(error) => Err(store_failed(&error).into()),
        }
    }

    /// The turn to write to a namespace that has quotas.
    pub(super) async fn turn(&self, namespace: &str) -> admission::Turn<'_> {
        let snapshot = self.api.store.snapshot();
        self.api.turns.wait(&snapshot, namespace).await
    }

    /// Stamps the first stage of the ways that are traced.
    fn trace(&self, object: &Value) {
        let subject = match self.descriptor.group_resource().to_string().as_str() {
            "pods" => metadata::uid(object).to_owned(),
            "services" => format!("{}/{}", metadata::namespace(object), metadata::name(object)),
            _ => return,
        };
        trace::stamp(Stage::Stored, subject, "");
    }

    fn check_new(&self, object: &Value) -> Result<(), Status> {
        let strategy = &*self.descriptor.strategy;
        let mut errors = metadata::validate(object, self.descriptor.scope, strategy);
        errors.extend(strategy.validate(object));
        errors.extend(strategy.validate_create(object));
        self.sound(object, &errors)
    }

    /// 422 if there are errors.
    pub(super) fn sound(&self, object: &Value, errors: &Errors) -> Result<(), Status> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(self.invalid(object, errors))
        }
    }

    pub(super) fn invalid(&self, object: &Value, errors: &[skiff_api::field::Error]) -> Status {
        Status::invalid(&self.descriptor.group_kind(), name_or_base(object), errors)
    }

    /// Whether objects of the kind hold anything beside their own key.
    fn has_claims(&self) -> bool {
        self.is_core("services")
    }

    /// What the object takes and gives back beside its own key: addresses and ports of Services.
    pub(super) fn claims(
        &self,
        snapshot: &skiff_store::Snapshot,
        old: Option<&Value>,
        new: Option<&mut Value>,
    ) -> Result<Claims, Status> {
        if !self.has_claims() {
            return Ok(Claims::default());
        }
        let name = new
            .as_deref()
            .or(old)
            .map(metadata::name)
            .unwrap_or_default()
            .to_owned();
        self.api
            .ranges
            .plan(snapshot, old, new)
            .map_err(|errors| Status::invalid(&self.descriptor.group_kind(), &name, &errors))
    }

    fn exists(&self, object: &Value) -> Status {
        Status::already_exists(&self.descriptor.group_resource(), name_or_base(object))
    }
}

/// The name, or how it was to begin.
fn name_or_base(object: &Value) -> &str {
    match metadata::name(object) {
        "" => metadata::generate_name(object),
        name => name,
    }
}

/// Gives the object a name, if it says how that begins.
fn generate_name(object: &mut Value) {
    let base = metadata::generate_name(object);
    if !base.is_empty() {
        let name = names::generate_name(base);
        metadata_of(object).insert("name".into(), name.into());
    }
}

/// A precondition that the key's last write is that one.
pub(super) fn at(key: &Key, revision: Revision) -> Precondition {
    Precondition::AtRevision(key.clone(), revision)
}
