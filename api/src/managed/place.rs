//! Where a walk is in the schema, as server-side apply sees it: what is one value, and what is made of parts.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>

use serde_json::{Map, Value};

use super::element;
use crate::{ListType, Node, NodeType, Schema};

/// Fields whose Go type is a struct, not a pointer: the object always has them, so nobody adds them. The schema does not
/// tell them from others.
const ALWAYS_THERE: [&str; 12] = [
    "metadata",
    "spec",
    "status",
    "template",
    "jobTemplate",
    "strategy",
    "updateStrategy",
    "resources",
    "loadBalancer",
    "source",
    "nodeInfo",
    "daemonEndpoints",
];

/// A place in an object.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// Of a known type.
    Typed(Node<'a>),
    /// Of no known type: objects are made of fields, all else is one value.
    Deduced,
}

/// How the value at a place is owned.
pub(super) enum Form<'a> {
    /// As a whole.
    Leaf,
    /// Each field for itself.
    Fields,
    /// Each item for itself, known by these keys, or by its value if there are none.
    Items(&'a [Box<str>]),
}

impl<'a> Place<'a> {
    /// The object itself.
    pub(super) fn root(schema: &'a Schema) -> Self {
        Self::Typed(schema.root())
    }

    /// How such a value is owned.
    pub(super) fn form(self, value: &Value) -> Form<'a> {
        let deduced = if value.is_object() {
            Form::Fields
        } else {
            Form::Leaf
        };
        let Self::Typed(node) = self else {
            return deduced;
        };
        let is_open =
            !node.has_properties() && node.additional().is_none() && node.preserves_unknown();
        match node.node_type() {
            NodeType::Object if node.is_atomic() => Form::Leaf,
            // Types of the API that hold anything, such as RawExtension, are one value; a custom resource's open field is not.
            NodeType::Object | NodeType::Any if is_open || node.node_type() == NodeType::Any => {
                match node.type_name() {
                    Some(_) => Form::Leaf,
                    None => deduced,
                }
            }
            NodeType::Object => Form::Fields,
            NodeType::Array => list(node),
            _ => Form::Leaf,
        }
    }

    /// A field, or a value of a map.
    pub(super) fn field(self, name: &str) -> Self {
        match self {
            Self::Typed(node) => node.field(name).map_or(Self::Deduced, Self::Typed),
            Self::Deduced => Self::Deduced,
        }
    }

    /// Whether it is a field by name, not a key of a map.
    pub(super) fn declares(self, name: &str) -> bool {
        match self {
            Self::Typed(node) => node.has_properties() && node.field(name).is_some(),
            Self::Deduced => false,
        }
    }

    /// The items of a list.
    pub(super) fn items(self) -> Self {
        match self {
            Self::Typed(node) => node.items().map_or(Self::Deduced, Self::Typed),
            Self::Deduced => Self::Deduced,
        }
    }

    /// What an element of a path leads to.
    pub(super) fn at(self, element: &str) -> Self {
        match element::field_name(element) {
            Some(name) => self.field(name),
            None => self.items(),
        }
    }

    /// The element of an item of this list, which knows its items by these keys, or by their value if there are none.
    ///
    /// A key that is left out has its default; `None` if none of them is there.
    pub(super) fn element_of(self, keys: &[Box<str>], item: &Value) -> Option<String> {
        if keys.is_empty() {
            return Some(element::of_value(item));
        }
        let value = |key: &str| {
            let given = item.get(key).filter(|value| !value.is_null());
            given.or_else(|| self.default_of(key)).cloned()
        };
        let known: Map<String, Value> = keys
            .iter()
            .filter_map(|key| Some((key.to_string(), value(key)?)))
            .collect();
        (!known.is_empty()).then(|| element::of_keys(known))
    }

    /// What a field is if it is left out.
    pub(super) fn default_of(self, name: &str) -> Option<&'a Value> {
        match self {
            Self::Typed(node) => node.field(name)?.default(),
            Self::Deduced => None,
        }
    }

    /// Whether an object of this type, which is there, has the field even if its JSON does not show it.
    pub(super) fn always_has(self, name: &str) -> bool {
        let Self::Typed(node) = self else {
            return false;
        };
        let Some(field) = node.field(name).filter(|_| node.type_name().is_some()) else {
            return false;
        };
        match field.node_type() {
            NodeType::Object if field.has_properties() => {
                ALWAYS_THERE.contains(&name) || node.required().any(|required| required == name)
            }
            NodeType::Array => node.required().any(|required| required == name),
            _ => false,
        }
    }
}

/// As `x-kubernetes-list-type` says, or else the patch strategy.
fn list(node: Node<'_>) -> Form<'_> {
    let rule = node.rule();
    match rule.list_type {
        Some(ListType::Map) => Form::Items(&rule.list_map_keys),
        Some(ListType::Set) => Form::Items(&[]),
        None if rule.merge => Form::Items(rule.merge_key.as_slice()),
        Some(ListType::Atomic) | None => Form::Leaf,
    }
}
