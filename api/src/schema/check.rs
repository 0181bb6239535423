//! Whether a value has the types and fields of its schema, worded as the API server's decoder words it
//! (sigs.k8s.io/json, with the type names that users know from it).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::{Node, NodeType, Schema};
use crate::{Quantity, Sent, Status};

/// More unknown fields than this are not told (as sigs.k8s.io/json).
const UNKNOWN_MAX: usize = 100;

/// What to do about fields that are unknown or stand twice (the parameter `fieldValidation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Drop them.
    Ignore,
    /// Drop them and warn.
    #[default]
    Warn,
    /// Refuse the object.
    Strict,
}

impl FieldValidation {
    /// Reads the parameter; `None` if it is no known value.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Ignore" => Some(Self::Ignore),
            "" | "Warn" => Some(Self::Warn),
            "Strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The first value of a wrong type, in words.
    pub type_error: Option<String>,
    /// The unknown fields, such as `spec.foo`; at most a hundred.
    pub unknown: Vec<String>,
}

impl Schema {
    /// Looks for values of a wrong type and for unknown fields. Null is absent.
    pub fn check(&self, object: &Value) -> Checked {
        let mut check = Check::default();
        check.value(self.root(), object);
        check.checked
    }

    /// What the API server does first with an object that was sent: refuses wrong types, refuses or drops unknown
    /// fields, and brings the rest into its stored form ([`Schema::prune`]).
    ///
    /// Answers with warnings; 400 if the object is refused.
    pub fn conform(
        &self,
        object: &mut Value,
        sent: Sent<'_>,
        validation: FieldValidation,
    ) -> Result<Vec<String>, Status> {
        let checked = self.check(object);
        if let Some(error) = checked.type_error {
            return Err(FieldValidation::cannot_be_handled(object, &error));
        }
        let warnings = validation.judge(object, sent, &checked.unknown)?;
        self.prune(object);
        Ok(warnings)
    }
}

impl FieldValidation {
    /// Refuses an object for the fields that stood twice in its text and those that nobody knows, or answers with
    /// warnings of them, in the order of the text.
    pub(crate) fn judge(
        self,
        object: &Value,
        sent: Sent<'_>,
        unknown: &[String],
    ) -> Result<Vec<String>, Status> {
        let duplicates = sent.duplicates.iter().map(|field| ("duplicate", field));
        let unknown = unknown.iter().map(|field| ("unknown", field));
        let mut wrong: Vec<(&str, &String)> = duplicates.chain(unknown).collect();
        if wrong.len() > 1 {
            let places = sent.places();
            wrong.sort_by_key(|(what, field)| {
                let (first, last) = places.get(*field).copied().unwrap_or_default();
                if *what == "unknown" { first } else { last }
            });
        }
        let wrong: Vec<String> = wrong
            .into_iter()
            .map(|(what, field)| format!("{what} field {field:?}"))
            .collect();
        match self {
            FieldValidation::Strict if !wrong.is_empty() => {
                let words = format!("strict decoding error: {}", wrong.join(", "));
                Err(Self::cannot_be_handled(object, &words))
            }
            FieldValidation::Ignore => Ok(Vec::new()),
            FieldValidation::Warn | FieldValidation::Strict => Ok(wrong),
        }
    }

    /// 400: the object is none of its kind.
    pub(crate) fn cannot_be_handled(object: &Value, error: &str) -> Status {
        let kind = object["kind"].as_str().unwrap_or_default();
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let version = api_version.rsplit('/').next().unwrap_or_default();
        Status::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
        ))
    }
}

#[derive(Default)]
struct Check<'a> {
    checked: Checked,
    /// Where the walk is, with keys and indexes: `spec.containers[0].name`.
    path: String,
    /// The fields on the way, without keys and indexes, as Go's decoder tells it: `spec.containers.name`.
    fields: Vec<&'a str>,
    /// The innermost type with fields on the way.
    holder: Option<Node<'a>>,
}

impl<'a> Check<'a> {
    fn value(&mut self, node: Node<'a>, value: &'a Value) {
        match (node.node_type(), value) {
            (NodeType::Any, _) | (_, Value::Null) => {}
            (NodeType::Object, Value::Object(map)) => self.object(node, map),
            (NodeType::Array, Value::Array(list)) => self.array(node, list),
            (node_type, _) => {
                if let Some(wrong) = wrong_scalar(node_type, value) {
                    let error = self.in_words(node, wrong);
                    self.checked.type_error.get_or_insert(error);
                }
            }
        }
    }

    fn object(&mut self, node: Node<'a>, map: &'a serde_json::Map<String, Value>) {
        let outer = self.holder;
        if node.has_properties() {
            self.holder = Some(node);
        }
        for (key, value) in map {
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(key);
            match node.field(key) {
                Some(field) if node.has_properties() => {
                    self.fields.push(key);
                    self.value(field, value);
                    self.fields.pop();
                }
                Some(field) => self.value(field, value),
                None if node.preserves_unknown() => {}
                None if self.checked.unknown.len() < UNKNOWN_MAX => {
                    self.checked.unknown.push(self.path.clone());
                }
                None => {}
            }
            self.path.truncate(length);
        }
        self.holder = outer;
    }

    fn array(&mut self, node: Node<'a>, list: &'a [Value]) {
        let Some(items) = node.items() else { return };
        for (index, item) in list.iter().enumerate() {
            let length = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            self.value(items, item);
            self.path.truncate(length);
        }
    }

    fn in_words(&self, node: Node<'a>, wrong: Wrong) -> String {
        let (found, wanted) = match wrong {
            Wrong::Content(words) => return words,
            Wrong::Type(found) => (found, go_type(node)),
        };
        match self.holder {
            None => format!("json: cannot unmarshal {found} into Go value of type {wanted}"),
            Some(holder) => {
                let holder = holder.type_name().and_then(|name| name.rsplit('.').next());
                let holder = holder.unwrap_or_default();
                let fields = self.fields.join(".");
                format!(
                    "json: cannot unmarshal {found} into Go struct field {holder}.{fields} of type {wanted}"
                )
            }
        }
    }
}

enum Wrong {
    /// What was found instead of the right type.
    Type(String),
    /// The right type, but not what it must hold.
    Content(String),
}

fn wrong_scalar(node_type: NodeType, value: &Value) -> Option<Wrong> {
    let sound = match (node_type, value) {
        (NodeType::String, Value::String(_)) | (NodeType::Boolean, Value::Bool(_)) => true,
        (NodeType::Number, Value::Number(_)) | (NodeType::IntOrString, Value::String(_)) => true,
        (NodeType::Int32 | NodeType::IntOrString, Value::Number(_)) => {
            whole(value).is_some_and(|number| i32::try_from(number).is_ok())
        }
        (NodeType::Int64, Value::Number(_)) => whole(value).is_some(),
        (NodeType::Bytes, Value::String(text)) => return wrong_base64(text).map(Wrong::Content),
        (NodeType::Time | NodeType::MicroTime, Value::String(text)) => {
            return wrong_time(text).map(Wrong::Content);
        }
        (NodeType::Quantity, _) => {
            let error = Quantity::from_json(value).err();
            return error.map(|error| Wrong::Content(error.to_string()));
        }
        _ => false,
    };
    (!sound).then(|| Wrong::Type(found(node_type, value)))
}

/// A whole number, also one that is written like `1.0`, as YAML may have it.
pub(super) fn whole(value: &Value) -> Option<i64> {
    let from_float = || {
        let number = value.as_f64()?;
        let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
        is_whole.then_some(number as i64)
    };
    value.as_i64().or_else(from_float)
}

fn found(wanted: NodeType, value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
        Value::Number(number) => match wanted {
            NodeType::Int32 | NodeType::Int64 | NodeType::IntOrString => format!("number {number}"),
            _ => "number".to_owned(),
        },
    }
}

fn wrong_base64(text: &str) -> Option<String> {
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let error = BASE64_STANDARD.decode(&text).err()?;
    let offset = match error {
        base64::DecodeError::InvalidByte(offset, _) => offset,
        base64::DecodeError::InvalidLastSymbol(offset, _) => offset,
        base64::DecodeError::InvalidLength(length) => length / 4 * 4,
        base64::DecodeError::InvalidPadding => text.len(),
    };
    Some(format!("illegal base64 data at input byte {offset}"))
}

fn wrong_time(text: &str) -> Option<String> {
    text.parse::<Timestamp>().err()?;
    Some(format!(
        "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?}"
    ))
}

/// The type as Go writes it: `int32`, `[]v1.Container`, `map[string]string`.
fn go_type(node: Node<'_>) -> String {
    match node.node_type() {
        NodeType::Any => "interface {}".to_owned(),
        NodeType::String | NodeType::Time | NodeType::MicroTime => "string".to_owned(),
        NodeType::Bytes => "[]uint8".to_owned(),
        NodeType::Int32 | NodeType::IntOrString => "int32".to_owned(),
        NodeType::Int64 => "int64".to_owned(),
        NodeType::Number => "float64".to_owned(),
        NodeType::Boolean => "bool".to_owned(),
        NodeType::Quantity => "resource.Quantity".to_owned(),
        NodeType::Array => format!(
            "[]{}",
            node.items()
                .map_or_else(|| "interface {}".to_owned(), go_type)
        ),
        NodeType::Object => match (node.type_name(), node.additional()) {
            (Some(name), _) => last_two(name).to_owned(),
            (None, Some(value)) => format!("map[string]{}", go_type(value)),
            (None, None) => "map[string]interface {}".to_owned(),
        },
    }
}

/// `v1.Container` of `io.k8s.api.core.v1.Container`.
fn last_two(name: &str) -> &str {
    let start = name
        .rmatch_indices('.')
        .nth(1)
        .map_or(0, |(dot, _)| dot + 1);
    &name[start..]
}
