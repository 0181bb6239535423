//! The types of CEL, as far as schemas tell them, and what its operators take and give
//! (<https://github.com/google/cel-spec/blob/master/doc/langdef.md>).

use kube_cel::cel::common::ast::{LiteralValue, operators};
use serde_json::Value;

use crate::custom::escape;
use crate::{Node, NodeType};

/// The type of a piece of an expression.
#[derive(Clone, Copy)]
pub(super) enum Type<'s> {
    /// It may be anything.
    Dyn,
    /// One without parts, as errors name it.
    Scalar(&'static str),
    /// What a schema says.
    Of(Place<'s>),
}

/// A place in a schema.
#[derive(Clone, Copy)]
pub(crate) enum Place<'s> {
    /// One that is compiled.
    Compiled(Node<'s>),
    /// One as a definition has it, and whether it is that of a whole object.
    Written(&'s Value, bool),
}

/// What a type has at a name.
pub(super) enum Part<'s> {
    There(Type<'s>),
    Undefined,
}

pub(super) const BOOL: &str = "bool";
pub(super) const INT: &str = "int";
pub(super) const STRING: &str = "string";
const DOUBLE: &str = "double";
const BYTES: &str = "bytes";
const TIMESTAMP: &str = "timestamp";
const DURATION: &str = "duration";

/// The fields of every whole object, whatever its schema says.
const OF_ALL: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl<'s> Place<'s> {
    /// The type of what stands there.
    pub(super) fn of(self) -> Type<'s> {
        match self {
            Self::Compiled(node) => match node.node_type() {
                NodeType::Boolean => Type::Scalar(BOOL),
                NodeType::Int32 | NodeType::Int64 => Type::Scalar(INT),
                NodeType::Number => Type::Scalar(DOUBLE),
                NodeType::String => Type::Scalar(STRING),
                NodeType::Object | NodeType::Array => Type::Of(self),
                // What of a text is a time, a quantity or bytes, no two schemas say alike.
                _ => Type::Dyn,
            },
            Self::Written(schema, _) if schema["x-kubernetes-int-or-string"] == true => Type::Dyn,
            Self::Written(schema, _) => match schema["type"].as_str().unwrap_or_default() {
                "boolean" => Type::Scalar(BOOL),
                "integer" => Type::Scalar(INT),
                "number" => Type::Scalar(DOUBLE),
                "string" => Type::Scalar(text(schema["format"].as_str().unwrap_or_default())),
                "object" | "array" => Type::Of(self),
                _ => Type::Dyn,
            },
        }
    }

    /// A field.
    pub(super) fn field(self, name: &str) -> Part<'s> {
        match self {
            Self::Compiled(node) => match node.field(name).or_else(|| node.field(plain(name))) {
                Some(field) => Part::There(Self::Compiled(field).of()),
                None if has_not(node, name) => Part::Undefined,
                None => Part::There(Type::Dyn),
            },
            Self::Written(_, true) if OF_ALL.contains(&name) => Part::There(Type::Dyn),
            Self::Written(schema, _) => {
                let mut properties = schema["properties"].as_object().into_iter().flatten();
                match properties.find(|(known, _)| escape(known) == name) {
                    Some((_, field)) => Part::There(written(field).of()),
                    None => match self.values() {
                        Some(values) => Part::There(values.of()),
                        None if is_open(schema) => Part::There(Type::Dyn),
                        None => Part::Undefined,
                    },
                }
            }
        }
    }

    /// The items of a list.
    pub(super) fn items(self) -> Option<Self> {
        match self {
            Self::Compiled(node) => node.items().map(Self::Compiled),
            Self::Written(schema, _) => schema.get("items").map(written),
        }
    }

    /// The values of a map.
    pub(super) fn values(self) -> Option<Self> {
        match self {
            Self::Compiled(node) => node.additional().map(Self::Compiled),
            Self::Written(schema, _) => {
                let values = schema.get("additionalProperties");
                values.filter(|values| values.is_object()).map(written)
            }
        }
    }
}

impl<'s> Type<'s> {
    /// The type of what a schema describes, if it is one with parts.
    pub(super) fn place(self) -> Option<Place<'s>> {
        match self {
            Self::Of(place) => Some(place),
            Self::Dyn | Self::Scalar(_) => None,
        }
    }

    fn scalar(self) -> Option<&'static str> {
        match self {
            Self::Scalar(name) => Some(name),
            Self::Dyn | Self::Of(_) => None,
        }
    }

    pub(super) fn of_literal(literal: &LiteralValue) -> Self {
        match literal {
            LiteralValue::Boolean(_) => Self::Scalar(BOOL),
            LiteralValue::Bytes(_) => Self::Scalar(BYTES),
            LiteralValue::Double(_) => Self::Scalar(DOUBLE),
            LiteralValue::Int(_) => Self::Scalar(INT),
            LiteralValue::String(_) => Self::Scalar(STRING),
            // Numbers without a sign compare with the others; null stands for much.
            LiteralValue::UInt(_) | LiteralValue::Null => Self::Dyn,
        }
    }
}

/// What an operator gives; the types that it is given in words, if it does not take them. What has no known type it takes.
pub(super) fn operated<'s>(operator: &str, given: &[Type<'s>]) -> Result<Type<'s>, String> {
    let scalars: Vec<Option<&'static str>> = given.iter().map(|it| it.scalar()).collect();
    let (takes, gives) = match (operator, scalars.as_slice()) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, all) => {
            (all.iter().flatten().all(|it| *it == BOOL), Some(BOOL))
        }
        (operators::EQUALS | operators::NOT_EQUALS, [Some(a), Some(b)]) => (a == b, Some(BOOL)),
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [Some(a), Some(b)],
        ) => (a == b || is_number(a) && is_number(b), Some(BOOL)),
        (
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN,
            _,
        ) => (true, Some(BOOL)),
        (operators::CONDITIONAL, [condition, a, b]) => {
            let agree = a.is_none() || b.is_none() || a == b;
            let takes = condition.is_none_or(|it| it == BOOL) && agree;
            (takes, if a == b { *a } else { None })
        }
        (operators::NEGATE, [Some(a)]) => (is_number(a), Some(*a)),
        (operator, [Some(a), Some(b)]) => match reckoned(operator, a, b) {
            Some(gives) => (gives.is_some(), gives),
            None => (true, None),
        },
        _ => (true, None),
    };
    if takes {
        return Ok(gives.map_or(Type::Dyn, Type::Scalar));
    }
    let named: Vec<&str> = scalars.iter().map(|it| it.unwrap_or("dyn")).collect();
    Err(format!("({})", named.join(", ")))
}

/// What comes of reckoning with two scalars, nothing if it cannot be done; `None` if that is no way to reckon.
fn reckoned(operator: &str, a: &'static str, b: &'static str) -> Option<Option<&'static str>> {
    let same = |types: &[&str]| (a == b && types.contains(&a)).then_some(a);
    Some(match operator {
        operators::ADD => match (a, b) {
            (TIMESTAMP, DURATION) | (DURATION, TIMESTAMP) => Some(TIMESTAMP),
            _ => same(&[INT, DOUBLE, STRING, BYTES, DURATION]),
        },
        operators::SUBSTRACT => match (a, b) {
            (TIMESTAMP, TIMESTAMP) => Some(DURATION),
            (TIMESTAMP, DURATION) => Some(TIMESTAMP),
            _ => same(&[INT, DOUBLE, DURATION]),
        },
        operators::MULTIPLY | operators::DIVIDE => same(&[INT, DOUBLE]),
        operators::MODULO => same(&[INT]),
        _ => return None,
    })
}

/// What a function gives, if that is always the same.
pub(super) fn given_by(function: &str) -> Type<'static> {
    match function {
        "size" | "int" | "indexOf" | "lastIndexOf" => Type::Scalar(INT),
        "double" => Type::Scalar(DOUBLE),
        "string" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "substring" | "join" => {
            Type::Scalar(STRING)
        }
        "bool" | "startsWith" | "endsWith" | "contains" | "matches" | "isSorted" => {
            Type::Scalar(BOOL)
        }
        "duration" => Type::Scalar(DURATION),
        "timestamp" => Type::Scalar(TIMESTAMP),
        _ => Type::Dyn,
    }
}

fn is_number(name: &str) -> bool {
    matches!(name, INT | DOUBLE)
}

fn text(format: &str) -> &'static str {
    match format {
        "byte" => BYTES,
        "date" | "date-time" => TIMESTAMP,
        "duration" => DURATION,
        _ => STRING,
    }
}

fn written(schema: &Value) -> Place<'_> {
    Place::Written(schema, schema["x-kubernetes-embedded-resource"] == true)
}

/// Whether any field may be there.
fn is_open(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true || schema["additionalProperties"] == true
}

/// Whether objects of a type cannot have such a field.
fn has_not(of: Node<'_>, name: &str) -> bool {
    of.node_type() == NodeType::Object
        && of.has_properties()
        && !of.preserves_unknown()
        && !OF_ALL.contains(&name)
}

/// The name of a field whose name is a word of CEL's own: `__namespace__`.
fn plain(name: &str) -> &str {
    let inner = name.strip_prefix("__");
    inner
        .and_then(|inner| inner.strip_suffix("__"))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_take_what_they_know() {
        let of = |names: &[&'static str]| -> Vec<Type<'static>> {
            let types = names.iter().map(|name| match *name {
                "dyn" => Type::Dyn,
                name => Type::Scalar(name),
            });
            types.collect()
        };
        for (operator, given, gives) in [
            ("_>_", &["int", "string"][..], Err("(int, string)")),
            ("_>_", &["int", "double"], Ok("bool")),
            ("_==_", &["int", "double"], Err("(int, double)")),
            ("_==_", &["dyn", "string"], Ok("bool")),
            ("_+_", &["string", "int"], Err("(string, int)")),
            ("_+_", &["string", "string"], Ok("string")),
            ("_+_", &["timestamp", "duration"], Ok("timestamp")),
            ("_-_", &["string", "string"], Err("(string, string)")),
            ("_%_", &["double", "double"], Err("(double, double)")),
            ("_&&_", &["bool", "int"], Err("(bool, int)")),
            ("_&&_", &["dyn", "bool"], Ok("bool")),
            ("!_", &["string"], Err("(string)")),
            ("_?_:_", &["bool", "int", "int"], Ok("int")),
            (
                "_?_:_",
                &["bool", "int", "string"],
                Err("(bool, int, string)"),
            ),
            ("whatever", &["int", "string"], Ok("dyn")),
        ] {
            let got = operated(operator, &of(given));
            let got = got.map(|it| it.scalar().unwrap_or("dyn"));
            assert_eq!(got, gives.map_err(str::to_owned), "{operator} {given:?}");
        }
    }
}
