//! Label and field selectors, held against stored bytes.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use skiff_api::{Descriptor, FieldSelector, Selector, Status};
use skiff_store::Entry;

use super::unlisted::Unlisted;
use crate::request::ListOptions;

/// What a list or a watch is narrowed to.
pub(crate) struct Filter {
    labels: Selector,
    fields: FieldSelector,
    descriptor: Arc<Descriptor>,
    /// Whether the selectors look beyond the metadata.
    deep: bool,
}

/// As much of an object as most selectors look at.
#[derive(Deserialize)]
struct Shallow {
    metadata: ShallowMetadata,
}

#[derive(Deserialize)]
struct ShallowMetadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    labels: Option<Map<String, Value>>,
}

impl Filter {
    /// Reads the selectors of a request; 400 if one is malformed, or names a field that the kind cannot be selected by.
    pub(crate) fn read(
        descriptor: &Arc<Descriptor>,
        options: &ListOptions,
    ) -> Result<Self, Status> {
        let labels = Selector::parse(&options.label_selector)
            .map_err(|error| Status::bad_request(error.to_string()))?;
        let fields = FieldSelector::parse(&options.field_selector)
            .map_err(|error| Status::bad_request(error.to_string()))?;
        let mut deep = false;
        for requirement in fields.requirements() {
            let field = requirement.field.as_str();
            if is_metadata(field) {
                continue;
            }
            deep = true;
            let known = descriptor
                .strategy
                .selectable_field(&Value::Null, field)
                .is_some();
            if !known {
                let message = format!("field label not supported: {field}");
                return Err(Status::bad_request(message));
            }
        }
        Ok(Self {
            labels,
            fields,
            descriptor: Arc::clone(descriptor),
            deep,
        })
    }

    /// Whether it lets everything through.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The one name it lets through, if it says so.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields
            .requirements()
            .iter()
            .find(|requirement| requirement.field == "metadata.name" && requirement.equals)
            .map(|requirement| requirement.value.as_str())
    }

    /// Whether it lets a stored object through. Parses no more of it than it must: its key ends in its name.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        if self.is_everything() {
            return true;
        }
        let name = entry.key.rsplit('/').next();
        if self.name().is_some_and(|wanted| name != Some(wanted)) {
            return false;
        }
        let object = &*entry.value;
        if self.deep {
            return serde_json::from_slice(object)
                .is_ok_and(|Unlisted(object)| self.matches_object(&object));
        }
        serde_json::from_slice::<Shallow>(object).is_ok_and(|Shallow { metadata }| {
            self.labels.matches(&metadata.labels)
                && self.fields.matches(|field| match field {
                    "metadata.name" => Some(metadata.name.clone()),
                    _ => Some(metadata.namespace.clone()),
                })
        })
    }

    fn matches_object(&self, object: &Value) -> bool {
        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        self.labels
            .matches(&object["metadata"]["labels"].as_object().cloned())
            && self.fields.matches(|field| match field {
                "metadata.name" => text("name"),
                "metadata.namespace" => text("namespace"),
                other => self.descriptor.strategy.selectable_field(object, other),
            })
    }
}

fn is_metadata(field: &str) -> bool {
    matches!(field, "metadata.name" | "metadata.namespace")
}
