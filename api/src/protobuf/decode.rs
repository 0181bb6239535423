//! Messages to JSON objects, by the table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::DEPTH_MAX;
use super::error::Error;
use super::table::{Content, Field, Kind, Table};
use super::wire::{Reader, Wire};

/// How deep a message lies in others. Some types contain themselves, and a body must not nest without end.
#[derive(Clone, Copy)]
struct At<'t> {
    table: &'t Table,
    /// How many messages may still lie in this one.
    left: usize,
}

/// Reads the fields of a message into an object; what stands twice is merged, as protobuf wants it.
pub(super) fn object(
    table: &Table,
    type_name: &str,
    bytes: &[u8],
    object: &mut Map<String, Value>,
) -> Result<(), Error> {
    let left = DEPTH_MAX;
    message(At { table, left }, type_name, bytes, object)
}

fn message(
    at: At<'_>,
    type_name: &str,
    bytes: &[u8],
    object: &mut Map<String, Value>,
) -> Result<(), Error> {
    let left = at.left.checked_sub(1).ok_or(Error::TooDeep)?;
    let at = At { left, ..at };
    let known = at.table.fields(type_name);
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.next_field()? {
        if let Some(field) = known.iter().find(|field| field.number == number) {
            put(at, field, wire, object)?;
        }
    }
    Ok(())
}

fn put(
    at: At<'_>,
    field: &Field,
    wire: Wire<'_>,
    object: &mut Map<String, Value>,
) -> Result<(), Error> {
    let name = field.name;
    match field.content {
        Content::Inline(type_name) => message(at, type_name, wire.bytes(name)?, object),
        Content::One {
            kind: Kind::Message(type_name),
            ..
        } => {
            let inner = fields_of(object, name);
            message(at, type_name, wire.bytes(name)?, inner)
        }
        Content::One { kind, keeps_zero } => {
            match value(at, kind, wire, name)? {
                Some(value) if keeps_zero || !is_zero(&value) => object.insert(name.into(), value),
                _ => object.remove(name),
            };
            Ok(())
        }
        Content::List(kind) => append(at, kind, wire, name, items_of(object, name)),
        Content::Map(kind) => {
            let (key, value) = entry(at, kind, wire.bytes(name)?, name)?;
            fields_of(object, name).insert(key, value);
            Ok(())
        }
    }
}

/// The value of a field; `None` if the message says that there is none.
fn value(
    at: At<'_>,
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
        Kind::Double => number(wire.double(name)?),
        Kind::OrBool(type_name) => or_bool(at, type_name, wire.bytes(name)?, name)?,
        Kind::Special(special) => return special.decode(wire.bytes(name)?),
        Kind::Message(type_name) => {
            let mut inner = Map::new();
            message(at, type_name, wire.bytes(name)?, &mut inner)?;
            inner.into()
        }
    }))
}

/// A number as JSON has it: one without a fraction is written without one.
fn number(double: f64) -> Value {
    // Up to here each integer has its own double.
    let exact = double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0;
    if exact {
        return (double as i64).into();
    }
    double.into()
}

fn or_bool(at: At<'_>, type_name: &str, bytes: &[u8], name: &'static str) -> Result<Value, Error> {
    let mut found = Value::Bool(false);
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.next_field()? {
        match number {
            1 if found.is_boolean() => found = (wire.varint(name)? != 0).into(),
            2 => {
                let mut inner = Map::new();
                message(at, type_name, wire.bytes(name)?, &mut inner)?;
                found = inner.into();
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Reads one item, or, of integers, many that are packed into one field.
fn append(
    at: At<'_>,
    kind: Kind,
    wire: Wire<'_>,
    name: &'static str,
    items: &mut Vec<Value>,
) -> Result<(), Error> {
    if let (Kind::Bool | Kind::Int32 | Kind::Int64, Wire::Bytes(packed)) = (kind, wire) {
        let mut packed = Reader::new(packed);
        while !packed.is_empty() {
            let item = Wire::Varint(packed.varint()?);
            items.extend(value(at, kind, item, name)?);
        }
        return Ok(());
    }
    items.push(value(at, kind, wire, name)?.unwrap_or_default());
    Ok(())
}

/// An entry of a map is a message of a key and a value; either may be left out if it is empty.
fn entry(
    at: At<'_>,
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
    let value = value(at, kind, found, name)?.unwrap_or_default();
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
