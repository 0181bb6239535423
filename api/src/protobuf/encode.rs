//! JSON objects to messages, by the table. What the table does not know is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::table::{Content, Field, Kind, Table};
use super::writer::Writer;

/// Writes the fields of an object that its type has.
pub(super) fn message(table: &Table, type_name: &str, object: &Value, out: &mut Writer) {
    for field in table.fields(type_name) {
        if let Content::Inline(inner) = field.content {
            out.message(field.number, |out| message(table, inner, object, out));
        } else if let Some(found) = object.get(field.name).filter(|found| !found.is_null()) {
            write(table, field, found, out);
        }
    }
}

fn write(table: &Table, field: &Field, found: &Value, out: &mut Writer) {
    let number = field.number;
    match field.content {
        Content::Inline(_) => {}
        Content::One { kind, .. } => value(table, kind, number, found, out),
        Content::List(kind) => {
            for item in found.as_array().into_iter().flatten() {
                value(table, kind, number, item, out);
            }
        }
        Content::Map(kind) => {
            for (key, item) in found.as_object().into_iter().flatten() {
                out.message(number, |out| {
                    out.bytes(1, key.as_bytes());
                    value(table, kind, 2, item, out);
                });
            }
        }
    }
}

fn value(table: &Table, kind: Kind, number: u32, found: &Value, out: &mut Writer) {
    let text = found.as_str().unwrap_or_default();
    match kind {
        Kind::String => out.bytes(number, text.as_bytes()),
        Kind::Bytes => out.bytes(number, &BASE64.decode(text).unwrap_or_default()),
        Kind::Bool => out.int(number, i64::from(found == &Value::Bool(true))),
        Kind::Int32 | Kind::Int64 => out.int(number, found.as_i64().unwrap_or_default()),
        Kind::Double => out.double(number, found.as_f64().unwrap_or_default()),
        Kind::OrBool(inner) => out.message(number, |out| {
            let plain = found.as_bool();
            out.int(1, i64::from(plain.unwrap_or(true)));
            if plain.is_none() {
                out.message(2, |out| message(table, inner, found, out));
            }
        }),
        Kind::Special(special) => out.message(number, |out| special.encode(found, out)),
        Kind::Message(inner) => out.message(number, |out| message(table, inner, found, out)),
    }
}
