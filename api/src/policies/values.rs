//! JSON values as CEL sees them, and back.

use std::collections::HashMap;
use std::sync::Arc;

use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, Map, OptionalValue};
use serde_json::{Number, Value};

/// A JSON value for CEL: a whole number is an `int`.
pub(crate) fn to_cel(json: &Value) -> Cel {
    match json {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cel::Int(whole),
            None => Cel::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (Key::from(name.as_str()), to_cel(value)));
            Cel::Map(Map {
                map: Arc::new(fields.collect::<HashMap<_, _>>()),
            })
        }
    }
}

/// A value of CEL in JSON; or what it is that JSON has not.
pub(super) fn to_json(value: &Cel) -> Result<Value, String> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(truth) => Value::Bool(*truth),
        Cel::Int(whole) => Value::from(*whole),
        Cel::UInt(whole) => Value::from(*whole),
        Cel::Float(float) => Number::from_f64(*float)
            .map(Value::Number)
            .ok_or_else(|| format!("{float} is no number of JSON"))?,
        Cel::String(text) => Value::String(text.as_ref().clone()),
        Cel::List(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Cel::Map(fields) => {
            let fields = fields.map.iter();
            let fields = fields.map(|(key, value)| Ok((key.to_string(), to_json(value)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        other => return Err(format!("{} is no value of JSON", other.type_of())),
    })
}

/// What is in an optional value; `None` if the value is not optional.
pub(super) fn optional(value: &Cel) -> Option<Option<Cel>> {
    let Cel::Opaque(opaque) = value else {
        return None;
    };
    let optional = opaque.downcast_ref::<OptionalValue>()?;
    Some(optional.value().cloned())
}

/// A value that may be missing.
pub(crate) fn to_optional(value: Option<Cel>) -> Cel {
    Cel::Opaque(Arc::new(match value {
        Some(value) => OptionalValue::of(value),
        None => OptionalValue::none(),
    }))
}

/// How large a value is: the values in it, and a tenth of the bytes of its texts.
pub(crate) fn size(value: &Value) -> u64 {
    1 + match value {
        Value::String(text) => bytes(text),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| bytes(name) + size(value))
            .sum(),
        _ => 0,
    }
}

/// The same of a value of CEL.
pub(super) fn cel_size(value: &Cel) -> u64 {
    1 + match value {
        Cel::String(text) => bytes(text),
        Cel::Bytes(some) => some.len() as u64 / 10,
        Cel::List(items) => items.iter().map(cel_size).sum(),
        Cel::Map(fields) => fields.map.values().map(cel_size).sum(),
        _ => 0,
    }
}

fn bytes(text: &str) -> u64 {
    text.len() as u64 / 10
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn there_and_back_again() {
        let object = json!({
            "a": [1, -2, 2.5, true, null, "x"], "b": {"c": {}},
        });
        assert_eq!(to_json(&to_cel(&object)), Ok(object));
        let none = to_optional(None);
        assert_eq!(to_json(&none), Err("opaque is no value of JSON".to_owned()));
        assert_eq!(optional(&none), Some(None));
        assert_eq!(
            optional(&to_optional(Some(Cel::Int(1)))),
            Some(Some(Cel::Int(1)))
        );
        assert_eq!(optional(&Cel::Int(1)), None);
    }

    #[test]
    fn texts_count_with_their_length() {
        let object = json!({"a": "x".repeat(100), "b": [1, 2]});
        assert_eq!(size(&object), 1 + 11 + 3);
        assert_eq!(cel_size(&to_cel(&object)), 1 + 11 + 3);
    }
}
