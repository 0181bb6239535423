//! A compiled schema: small, shared, and quick to walk beside a value.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// The JSON form of a value, as its type in Kubernetes wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeType {
    /// Anything.
    Any,
    /// Fields by name, or a map of anything to one type.
    Object,
    /// A list.
    Array,
    /// A text.
    String,
    /// A text in base64.
    Bytes,
    /// A time to the second, RFC 3339.
    Time,
    /// A time to the microsecond, RFC 3339.
    MicroTime,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A whole number of 32 bits or a text, such as a port or a percentage.
    IntOrString,
    /// An amount ([`crate::Quantity`]), a text or a number.
    Quantity,
}

/// How the items of a list belong together (`x-kubernetes-list-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Each scalar once.
    Set,
    /// Each item known by its keys.
    Map,
}

/// How a field merges with another value of itself (`x-kubernetes-patch-*`, `-list-*`, `-map-type`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeRule {
    /// A strategic merge patch merges the list, it does not replace it.
    pub merge: bool,
    /// A strategic merge patch replaces the object, it does not merge it.
    pub replace: bool,
    /// A client's strategic merge patch says which fields to retain: they exclude each other.
    pub retain_keys: bool,
    /// The field that items of a merged list are known by.
    pub merge_key: Option<Box<str>>,
    /// How server-side apply sees a list.
    pub list_type: Option<ListType>,
    /// The fields that items of a list of type map are known by.
    pub list_map_keys: Vec<Box<str>>,
    /// Server-side apply sees an object as one value.
    pub atomic_map: bool,
}

/// No rule: objects merge, lists are replaced.
static PLAIN: MergeRule = MergeRule {
    merge: false,
    replace: false,
    retain_keys: false,
    merge_key: None,
    list_type: None,
    list_map_keys: Vec::new(),
    atomic_map: false,
};

/// The type of an object, with all types it is made of. Cheap to clone.
#[derive(Clone)]
pub struct Schema {
    arena: Arc<Arena>,
    root: Use,
}

impl Schema {
    pub(super) fn new(arena: Arc<Arena>, root: Use) -> Self {
        Self { arena, root }
    }

    /// The object itself.
    pub fn root(&self) -> Node<'_> {
        Node {
            arena: &self.arena,
            used: &self.root,
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.root().type_name().unwrap_or("-"))
    }
}

/// All shapes of a schema; they refer to each other by index, since types may contain themselves.
#[derive(Default)]
pub(super) struct Arena {
    pub(super) shapes: Vec<Shape>,
}

/// The structure of a type, wherever it is used.
pub(super) struct Shape {
    pub(super) name: Option<Box<str>>,
    pub(super) node_type: NodeType,
    /// Sorted by name.
    pub(super) properties: Box<[(Box<str>, Use)]>,
    pub(super) required: Box<[Box<str>]>,
    /// The type of a map's values.
    pub(super) additional: Option<Use>,
    /// The type of a list's items.
    pub(super) items: Option<Use>,
    /// Fields that are not known are kept.
    pub(super) preserves_unknown: bool,
    /// Server-side apply sees an object of this type as one value.
    pub(super) atomic: bool,
}

impl Shape {
    pub(super) fn new(node_type: NodeType) -> Self {
        Self {
            name: None,
            node_type,
            properties: Box::default(),
            required: Box::default(),
            additional: None,
            items: None,
            preserves_unknown: false,
            atomic: false,
        }
    }
}

/// A type where it is used: as a field, an item, a value of a map.
#[derive(Clone)]
pub(super) struct Use {
    pub(super) shape: u32,
    /// The rule, and the default; most uses have neither.
    pub(super) extra: Option<Arc<(MergeRule, Option<Value>)>>,
}

/// A place in a schema.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    arena: &'a Arena,
    used: &'a Use,
}

impl<'a> Node<'a> {
    fn shape(self) -> &'a Shape {
        &self.arena.shapes[self.used.shape as usize]
    }

    fn at(self, used: &'a Use) -> Self {
        Self {
            arena: self.arena,
            used,
        }
    }

    /// The JSON form it wants.
    pub fn node_type(self) -> NodeType {
        self.shape().node_type
    }

    /// The name of the type, such as `io.k8s.api.core.v1.Container`, if it has one.
    pub fn type_name(self) -> Option<&'a str> {
        self.shape().name.as_deref()
    }

    /// The fields of an object that has fields, by name.
    pub fn properties(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let properties = self.shape().properties.iter();
        properties.map(move |(name, used)| (name.as_ref(), self.at(used)))
    }

    /// Whether the object has fields of its own; if not it is a map.
    pub fn has_properties(self) -> bool {
        !self.shape().properties.is_empty()
    }

    /// A field, or the value of a map at that key; `None` if there is no such field.
    pub fn field(self, name: &str) -> Option<Node<'a>> {
        let shape = self.shape();
        let found = shape
            .properties
            .binary_search_by(|(known, _)| known.as_ref().cmp(name));
        match found {
            Ok(index) => Some(self.at(&shape.properties[index].1)),
            Err(_) => self.additional(),
        }
    }

    /// The fields that must be there (OpenAPI's `required`).
    pub fn required(self) -> impl Iterator<Item = &'a str> {
        self.shape().required.iter().map(AsRef::as_ref)
    }

    /// The values of a map.
    pub fn additional(self) -> Option<Node<'a>> {
        self.shape().additional.as_ref().map(|used| self.at(used))
    }

    /// The items of a list.
    pub fn items(self) -> Option<Node<'a>> {
        self.shape().items.as_ref().map(|used| self.at(used))
    }

    /// Whether fields that are not known are kept.
    pub fn preserves_unknown(self) -> bool {
        self.shape().preserves_unknown
    }

    /// How it merges.
    pub fn rule(self) -> &'a MergeRule {
        self.used.extra.as_ref().map_or(&PLAIN, |extra| &extra.0)
    }

    /// Whether server-side apply sees the object as one value, by its type or where it is used.
    pub fn is_atomic(self) -> bool {
        self.shape().atomic || self.rule().atomic_map
    }

    /// What it is if it is not there, for custom resources.
    pub fn default(self) -> Option<&'a Value> {
        self.used.extra.as_ref().and_then(|extra| extra.1.as_ref())
    }
}
