//! Whether an applied configuration fits its schema, in the words of Kubernetes' structured merge.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::element;
use super::place::{Form, Place};
use crate::{Node, NodeType, Reason, Schema, Status, go_type, metadata};

/// More errors than this are not told.
const ERRORS_MAX: usize = 100;

/// 400 if the configuration says who owns what; the API server's own answer, a 500, if it does not fit the schema.
pub(super) fn check(schema: &Schema, config: &Value) -> Result<(), Status> {
    if config["metadata"]
        .get("managedFields")
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let mut check = Check::default();
    check.value(Place::root(schema), config);
    if check.errors.is_empty() {
        return Ok(());
    }
    let errors = match check.errors.as_slice() {
        [only] => only.clone(),
        all => format!("errors:\n  {}", all.join("\n  ")),
    };
    let text = |field: &str| config[field].as_str().unwrap_or_default();
    let version = match text("apiVersion") {
        core if !core.contains('/') => format!("/{core}"),
        grouped => grouped.to_owned(),
    };
    Err(Status::new(
        Reason::Unknown,
        format!(
            "failed to create typed patch object ({}/{}; {version}, Kind={}): {errors}",
            metadata::namespace(config),
            metadata::name(config),
            text("kind"),
        ),
    ))
}

#[derive(Default)]
struct Check {
    path: String,
    errors: Vec<String>,
}

impl Check {
    fn wrong(&mut self, words: &str) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(format!("{}: {words}", self.path));
        }
    }

    fn inside(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        look(self);
        self.path.truncate(length);
    }

    fn value(&mut self, place: Place<'_>, value: &Value) {
        let Place::Typed(node) = place else { return };
        match (node.node_type(), value) {
            (_, Value::Null) | (NodeType::Any, _) => {}
            (NodeType::Object, Value::Object(fields)) => self.fields(place, node, fields),
            (NodeType::Array, Value::Array(items)) => self.items(place, items),
            (NodeType::Object, _) => self.wrong(&format!("expected map, got &{{{value}}}")),
            (NodeType::Array, _) => self.wrong(&format!("expected list, got &{{{value}}}")),
            (node_type, _) => {
                if let Some(words) = wrong_scalar(node_type, value) {
                    self.wrong(&words);
                }
            }
        }
    }

    fn fields(&mut self, place: Place<'_>, node: Node<'_>, fields: &Map<String, Value>) {
        for (name, value) in fields {
            self.inside(&format!(".{name}"), |check| {
                if node.field(name).is_some() {
                    check.value(place.field(name), value);
                } else if !node.preserves_unknown() {
                    check.wrong("field not declared in schema");
                }
            });
        }
    }

    fn items(&mut self, place: Place<'_>, items: &[Value]) {
        let form = place.form(&Value::Null);
        let place = place.items();
        let mut seen = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            let step = match form {
                Form::Items(keys) => match place.element_of(keys, item) {
                    Some(element) => element::in_words(&element),
                    None => {
                        self.wrong(&format!(
                            "element {index}: associative list with keys has an element that omits key field {:?} (and doesn't have default value)",
                            keys.first().map_or("", AsRef::as_ref)
                        ));
                        continue;
                    }
                },
                Form::Leaf | Form::Fields => format!("[{index}]"),
            };
            if !seen.insert(step.clone()) {
                self.wrong(&format!("duplicate entries for key {step}"));
            }
            self.inside(&step, |check| check.value(place, item));
        }
    }
}

fn wrong_scalar(node_type: NodeType, value: &Value) -> Option<String> {
    let is_scalar = !value.is_object() && !value.is_array();
    match node_type {
        NodeType::String | NodeType::Bytes | NodeType::Time | NodeType::MicroTime => (!value
            .is_string())
        .then(|| format!("expected string, got &value.valueUnstructured{{Value:{value}}}")),
        NodeType::Int32 | NodeType::Int64 | NodeType::Number => (!value.is_number())
            .then(|| format!("expected numeric (int or float), got {}", go_type(value))),
        NodeType::Boolean => {
            (!value.is_boolean()).then(|| format!("expected boolean, got &{{{value}}}"))
        }
        NodeType::IntOrString | NodeType::Quantity => {
            (!is_scalar).then(|| format!("expected scalar, got &{{{value}}}"))
        }
        NodeType::Any | NodeType::Object | NodeType::Array => None,
    }
}
