//! Who owns which field, entered at every write.

use serde_json::Value;
use skiff_api::managed::{self, Kind, Write};
use skiff_api::{Schema, Status};

use super::plan::metadata;
use super::{Writer, Writes};
use crate::admission::Part;
use crate::codec::now;

/// The API server, as the manager of what it writes by itself.
const SERVER: &str = "kube-apiserver";

impl Writes<'_> {
    /// Enters the writer as the owner of a new object.
    pub(super) fn own_new(&self, object: &mut Value, writer: Writer<'_>) {
        self.entering(writer, |schema, write| {
            managed::created(object, schema, write)
        });
    }

    /// Enters the writer as the owner of what he changes; `given` are the managedFields that came with the change.
    pub(super) fn own_changes(
        &self,
        old: &Value,
        new: &mut Value,
        given: Option<Value>,
        part: Part,
        writer: Writer<'_>,
    ) {
        if writer.applies || part == Part::Binding {
            // Apply has entered the owners already; where a Pod runs has none, as in Kubernetes.
            if let Some(owners) = given {
                metadata(new).insert("managedFields".into(), owners);
            }
            return;
        }
        let given = given.filter(|_| part == Part::Main && writer.subresource.is_empty());
        self.entering(writer, |schema, write| {
            let kind = self.kind(schema);
            managed::updated_among(old, new, given.as_ref(), kind, write);
        });
    }

    /// The object with a configuration applied to it: what stands, or a new one.
    pub(crate) fn applied(
        &self,
        live: Option<&Value>,
        config: &Value,
        writer: Writer<'_>,
        force: bool,
    ) -> Result<Value, Status> {
        self.entering(writer, |schema, write| {
            managed::apply_among(live, config, self.kind(schema), write, force)
        })
        .unwrap_or_else(|| {
            Err(Status::internal(format!(
                "no schema of {}",
                self.descriptor.kind
            )))
        })
    }

    fn kind<'a>(&'a self, schema: &'a Schema) -> Kind<'a> {
        let versions = self;
        Kind { schema, versions }
    }

    /// `None` if the kind has no schema, so that nothing is known of its fields.
    fn entering<T>(
        &self,
        writer: Writer<'_>,
        enter: impl FnOnce(&Schema, &Write<'_>) -> T,
    ) -> Option<T> {
        let schema = self.descriptor.schema()?;
        let write = Write {
            manager: if writer.user.is_some() {
                writer.manager
            } else {
                SERVER
            },
            api_version: &self.descriptor.api_version(),
            subresource: writer.subresource,
            status_apart: self.descriptor.subresources.status,
            now: &now(),
        };
        Some(enter(&schema, &write))
    }
}
