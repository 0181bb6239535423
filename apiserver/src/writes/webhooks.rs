//! What policies and webhooks say to a write: they are asked before it, and never about what the server itself writes.

use serde_json::{Value, json};
use skiff_api::{FieldValidation, Sent, Status};

use super::plan::{self, merge};
use super::{Writer, Writes};
use crate::admission::Part;
use crate::matching::{Attributes, Operation};
use crate::request::{DeleteOptions, Propagation};

/// Something else is sent to these than the object, and webhooks have been asked about that.
const ASKED_BEFORE: [&str; 3] = ["binding", "eviction", "scale"];

/// The namespace and the name of an object; without a name it gets one later.
pub(super) type Place<'a> = (&'a str, &'a str);

impl Writes<'_> {
    /// A new object as webhooks changed it; answers whether they did.
    pub(super) async fn mutated_new(
        &self,
        writer: Writer<'_>,
        place: Place<'_>,
        object: &mut Value,
    ) -> Result<bool, Status> {
        let Some(request) = self.attributes(Operation::Create, writer, place) else {
            return Ok(false);
        };
        let changed = self.api.webhooks.mutate(&request, object, None).await?;
        if changed {
            self.conform(object)?;
        }
        Ok(changed)
    }

    /// What is wanted of an object, as webhooks changed it. They see all of the object.
    pub(super) async fn mutated(
        &self,
        writer: Writer<'_>,
        part: Part,
        place: Place<'_>,
        old: &Value,
        mut wanted: Value,
    ) -> Result<Value, Status> {
        let request = self.attributes(Operation::Update, writer, place);
        let Some(request) = request.filter(|_| self.api.webhooks.can_mutate()) else {
            return Ok(wanted);
        };
        let owners = plan::metadata(&mut wanted).remove("managedFields");
        let mut object = merge(old, wanted, part, self.descriptor.subresources.status);
        self.descriptor.strategy.default(&mut object);
        if self
            .api
            .webhooks
            .mutate(&request, &mut object, Some(old))
            .await?
        {
            self.conform(&mut object)?;
        }
        if let Some(owners) = owners {
            plan::metadata(&mut object).insert("managedFields".into(), owners);
        }
        Ok(object)
    }

    /// Refuses a write that webhooks refuse. `old` is what stands, if anything does.
    pub(super) async fn reviewed(
        &self,
        writer: Writer<'_>,
        place: Place<'_>,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<(), Status> {
        let operation = match old {
            None => Operation::Create,
            Some(_) => Operation::Update,
        };
        match self.attributes(operation, writer, place) {
            Some(request) => self.api.webhooks.validate(&request, object, old).await,
            None => Ok(()),
        }
    }

    /// Refuses a delete that webhooks refuse.
    pub(super) async fn delete_reviewed(
        &self,
        writer: Writer<'_>,
        place: Place<'_>,
        old: &Value,
        options: &DeleteOptions,
    ) -> Result<(), Status> {
        let request = self.attributes(Operation::Delete, writer, place);
        let Some(mut request) = request else {
            return Ok(());
        };
        add_options(&mut request.options, options);
        let mut nothing = Value::Null;
        self.api
            .webhooks
            .mutate(&request, &mut nothing, Some(old))
            .await?;
        self.api
            .webhooks
            .validate(&request, &nothing, Some(old))
            .await
    }

    /// The write as webhooks see it; `None` if they are not asked.
    fn attributes<'a>(
        &'a self,
        operation: Operation,
        writer: Writer<'a>,
        place: Place<'a>,
    ) -> Option<Attributes<'a>> {
        let (user, subresource) = (writer.user?, writer.subresource);
        if ASKED_BEFORE.contains(&subresource) {
            return None;
        }
        let dry_run = writer.dry_run;
        let descriptor = self.descriptor;
        let request = Attributes::new(operation, descriptor, subresource, place, user, dry_run);
        Some(Attributes {
            warnings: writer.warnings,
            ..request
        })
    }

    /// What a webhook adds is held against the schema, as what a user sends.
    fn conform(&self, object: &mut Value) -> Result<(), Status> {
        let descriptor = self.descriptor;
        descriptor.conform(object, Sent::default(), FieldValidation::Ignore)?;
        descriptor.strategy.default(object);
        Ok(())
    }
}

fn add_options(options: &mut Value, given: &DeleteOptions) {
    if let Some(seconds) = given.grace_period_seconds {
        options["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(policy) = given.propagation {
        options["propagationPolicy"] = json!(match policy {
            Propagation::Orphan => "Orphan",
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        });
    }
    if let Some(uid) = &given.uid {
        options["preconditions"]["uid"] = uid.as_str().into();
    }
}
