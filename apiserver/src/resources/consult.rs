//! Webhooks are asked about what is sent to a subresource and is no stored object: a Binding, an Eviction, a Scale, the
//! options of a stream.

use serde_json::{Map, Value};
use skiff_api::Status;

use super::Call;
use crate::matching::{Attributes, Operation};
use crate::virtuals::SUBRESOURCES;

/// Options of streams that are yes or no.
const FLAGS: [&str; 4] = ["stdin", "stdout", "stderr", "tty"];

impl Call {
    /// Asks about what is sent to this call's subresource; webhooks may change it.
    pub(super) async fn consult(
        &self,
        operation: Operation,
        kind: [&str; 3],
        object: &mut Value,
    ) -> Result<(), Status> {
        let target = &self.target;
        let place = (target.namespace.as_str(), target.name.as_str());
        let writer = self.writer()?;
        let request = Attributes::new(
            operation,
            &self.descriptor,
            &target.subresource,
            place,
            &self.user,
            writer.dry_run,
        );
        let request = Attributes {
            kind,
            warnings: writer.warnings,
            ..request
        };
        self.api.webhooks.admit(&request, object).await
    }

    /// Asks about a stream that is to be opened: what the query says of it.
    pub(super) async fn consult_stream(&self) -> Result<(), Status> {
        let mut known = SUBRESOURCES.iter();
        let known = known.find(|known| {
            known.resource == self.target.resource && known.subresource == self.target.subresource
        });
        let Some(known) = known else {
            return Ok(());
        };
        let (group, version, kind) = known.kind;
        let mut options = Value::Object(self.stream_options());
        options["kind"] = kind.into();
        options["apiVersion"] = version.into();
        self.consult(Operation::Connect, [group, version, kind], &mut options)
            .await
    }

    fn stream_options(&self) -> Map<String, Value> {
        let query = &self.info.query;
        let mut options = Map::new();
        for flag in FLAGS {
            if query.flag(flag) {
                options.insert(flag.into(), true.into());
            }
        }
        for (field, text) in [
            ("container", query.get("container")),
            ("path", query.get("path")),
        ] {
            if let Some(text) = text {
                options.insert(field.into(), text.into());
            }
        }
        let command: Vec<&str> = query.all("command").collect();
        if !command.is_empty() {
            options.insert("command".into(), command.into());
        }
        options
    }
}
