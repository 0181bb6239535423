//! Messages to JSON objects, by the table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::error::Error;
use super::table::{Content, Field, Kind, Table};
use super::wire::{Reader, Wire};

/// Reads the fields of a message into an object; what stands twice is merged, as protobuf wants it.
pub(super) fn message(
    table: &Table,
    type_name: &str,
    bytes: &[u8],
    object: &mut Map<String, Value>,
) -> Result<(), Error> {
    let known = table.fields(type_name);
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.next_field()? {
        if let Some(field) = known.iter().find(|field| field.number == number) {
            put(table, field, wire, object)?;
        }
    }
    Ok(())
}

fn put(
    table: &Table,
    field: &Field,
    wire: Wire<'_>,
    object: &mut Map<String, Value>,
) -> Result<(), Error> {
    let name = field.name;
    match field.content {
        Content::Inline(type_name) => message(table, type_name, wire.bytes(name)?, object),
        Content::One {
            kind: Kind::Message(type_name),
            ..
        } => {
            let inner = fields_of(object, name);
            message(table, type_name, wire.bytes(name)?, inner)
        }
        Content::One { kind, keeps_zero } => {
            match value(table, kind, wire, name)? {
                Some(value) if keeps_zero || !is_zero(&value) => object.insert(name.into(), value),
                _ => object.remove(name),
            };
            Ok(())
        }
        Content::List(kind) => append(table, kind, wire, name, items_of(object, name)),
        Content::Map(kind) => {
            let (key, value) = entry(table, kind, wire.bytes(name)?, name)?;
            fields_of(object, name).insert(key, value);
            Ok(())
        }
    }
}

/// The value of a field; `None` if the message says that there is none.
fn value(
    table: &Table,
    kind: Kind,
    wire: Wire<'_>,
    name: &'static str,
) -> Result<Option<Value>, Error> {
    Ok(Some(match kind {
        Kind::String => wire.text(name)?.into(),
        Kind::Bytes => BASE64.encode(wire.bytes(name)?).into(),
        Kind::Bool => (wire.varint(name)? != 0).into(),
        Kind::Int32 => (wire.varint(name)? as i32).into(),
        Kind::Int64 => (wire.varint(name)? as i64).into(),
        Kind::Special(special) => return special.decode(wire.bytes(name)?),
        Kind::Message(type_name) => {
            let mut inner = Map::new();
            message(table, type_name, wire.bytes(name)?, &mut inner)?;
            inner.into()
        }
    }))
}

/// Reads one item, or, of integers, many that are packed into one field.
fn append(
    table: &Table,
    kind: Kind,
    wire: Wire<'_>,
    name: &'static str,
    items: &mut Vec<Value>,
) -> Result<(), Error> {
    if let (Kind::Bool | Kind::Int32 | Kind::Int64, Wire::Bytes(packed)) = (kind, wire) {
        let mut packed = Reader::new(packed);
        while !packed.is_empty() {
            let item = Wire::Varint(packed.varint()?);
            items.extend(value(table, kind, item, name)?);
        }
        return Ok(());
    }
    items.push(value(table, kind, wire, name)?.unwrap_or_default());
    Ok(())
}

/// An entry of a map is a message of a key and a value; either may be left out if it is empty.
fn entry(
    table: &Table,
    kind: Kind,
    bytes: &[u8],
    name: &'static str,
) -> Result<(String, Value), Error> {
    let (mut key, mut found) = ("", Wire::Bytes(&[]));
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.next_field()? {
        match number {
            1 => key = wire.text(name)?,
            2 => found = wire,
            _ => {}
        }
    }
    let value = value(table, kind, found, name)?.unwrap_or_default();
    Ok((key.to_owned(), value))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

/// The object in a field, made if it is not there.
fn fields_of<'a>(object: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let slot = object
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    slot.as_object_mut().expect("a name has one content")
}

/// The list in a field, made if it is not there.
fn items_of<'a>(object: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let slot = object
        .entry(name)
        .or_insert_with(|| Value::Array(Vec::new()));
    slot.as_array_mut().expect("a name has one content")
}
