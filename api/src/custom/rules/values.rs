//! Values as rules see them: what a text stands for, the schema says.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, Map};
use serde_json::Value;

use crate::custom::escape;
use crate::custom::shape::Shape;
use crate::policies::{self, converted};

/// A value of that shape for CEL. Keys of maps stay as they are; names of fields are escaped.
pub(super) fn to_cel(shape: &Shape, value: &Value) -> Cel {
    match value {
        Value::String(text) => of_text(shape, text).unwrap_or_else(|| policies::to_cel(value)),
        Value::Number(number) if shape.type_name.as_deref() == Some("number") => {
            Cel::Float(number.as_f64().unwrap_or_default())
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| match &shape.items {
                Some(each) => to_cel(each, item),
                None => policies::to_cel(item),
            });
            Cel::List(Arc::new(items.collect()))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let key = match shape.properties.contains_key(name.as_str()) {
                    true => Key::from(escape(name)),
                    false => Key::from(name.as_str()),
                };
                let value = match shape.field(name) {
                    Some(field) => to_cel(field, value),
                    None => policies::to_cel(value),
                };
                (key, value)
            });
            Cel::Map(Map {
                map: Arc::new(fields.collect::<HashMap<_, _>>()),
            })
        }
        other => policies::to_cel(other),
    }
}

/// A text that stands for something else; `None` if it stands for itself.
fn of_text(shape: &Shape, text: &str) -> Option<Cel> {
    let format = shape.checks.as_ref()?.format.as_deref()?;
    match format {
        "date-time" => converted("timestamp", text),
        "date" => converted("timestamp", &format!("{text}T00:00:00Z")),
        "duration" => converted("duration", text),
        "byte" => BASE64
            .decode(text)
            .ok()
            .map(|bytes| Cel::Bytes(Arc::new(bytes))),
        _ => None,
    }
}
