//! A message of a known type as a JSON object.

use prost::encoding::{WireType, decode_key, decode_varint, skip_field};
use serde_json::{Map, Value};

use super::ProtobufError;
use super::forms::{Field, Form, fields};
use super::scalars::{self, Wire};

/// How deep messages may stand in one another.
const DEPTH: usize = 64;

/// Decodes a message; `None` if the type is not known.
pub(super) fn decode(
    type_name: &str,
    bytes: &[u8],
) -> Result<Option<Map<String, Value>>, ProtobufError> {
    let Some(fields) = fields(type_name) else {
        return Ok(None);
    };
    let mut object = Map::new();
    read(fields, bytes, DEPTH, &mut object)?;
    Ok(Some(object))
}

/// Reads the fields of a message into an object. Those that are not known, because they are newer, are skipped.
fn read(
    fields: &[Field],
    mut bytes: &[u8],
    depth: usize,
    object: &mut Map<String, Value>,
) -> Result<(), ProtobufError> {
    let depth = depth.checked_sub(1).ok_or(ProtobufError::Deep)?;
    while let Some((number, wire)) = next(&mut bytes)? {
        if let Some(field) = fields.iter().find(|field| field.number == number) {
            put(field, wire, depth, object)?;
        }
    }
    Ok(())
}

/// The next field's number and value.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u32, Wire<'a>)>, ProtobufError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (number, wire_type) = decode_key(bytes).map_err(ProtobufError::Malformed)?;
    let wire = match wire_type {
        WireType::Varint => Wire::Number(decode_varint(bytes).map_err(ProtobufError::Malformed)?),
        WireType::LengthDelimited => {
            let length = decode_varint(bytes).map_err(ProtobufError::Malformed)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let (value, rest) = bytes.split_at_checked(length).ok_or_else(truncated)?;
            *bytes = rest;
            Wire::Bytes(value)
        }
        WireType::SixtyFourBit => {
            let (value, rest) = bytes.split_first_chunk().ok_or_else(truncated)?;
            *bytes = rest;
            Wire::Number(u64::from_le_bytes(*value))
        }
        other => {
            let context = prost::encoding::DecodeContext::default();
            skip_field(other, number, bytes, context).map_err(ProtobufError::Malformed)?;
            return next(bytes);
        }
    };
    Ok(Some((number, wire)))
}

fn truncated() -> ProtobufError {
    ProtobufError::Field {
        form: "a length".to_owned(),
    }
}

fn put(
    field: &Field,
    wire: Wire<'_>,
    depth: usize,
    object: &mut Map<String, Value>,
) -> Result<(), ProtobufError> {
    let name = field.name;
    match &field.form {
        Form::Message(type_name) if name.is_empty() => {
            let inner = fields(type_name).unwrap_or_default();
            return read(inner, wire.bytes(&field.form)?, depth, object);
        }
        Form::Map(form) => {
            let entry = wire.bytes(&field.form)?;
            let (key, value) = map_entry(form, entry, depth)?;
            if let Value::Object(map) = object.entry(name).or_insert_with(|| Map::new().into()) {
                map.insert(key, value);
            }
            return Ok(());
        }
        _ => {}
    }
    let value = value(&field.form, wire, depth)?;
    if field.repeated {
        if let Value::Array(list) = object
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()))
        {
            list.push(value);
        }
    } else if !value.is_null() && !(field.drops_zero && is_zero(&value)) {
        object.insert(name.to_owned(), value);
    }
    Ok(())
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn map_entry(
    form: &Form,
    mut entry: &[u8],
    depth: usize,
) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut found) = (String::new(), Value::Null);
    while let Some((number, wire)) = next(&mut entry)? {
        match number {
            1 => key = scalars::text(wire.bytes(&Form::String)?)?,
            2 => found = value(form, wire, depth)?,
            _ => {}
        }
    }
    Ok((key, found))
}

fn value(form: &Form, wire: Wire<'_>, depth: usize) -> Result<Value, ProtobufError> {
    let bytes = match form {
        Form::Bool | Form::Int32 | Form::Int64 | Form::Double => {
            return scalars::number(form, wire);
        }
        _ => wire.bytes(form)?,
    };
    match form {
        Form::Message(type_name) => {
            let mut object = Map::new();
            read(
                fields(type_name).unwrap_or_default(),
                bytes,
                depth,
                &mut object,
            )?;
            Ok(Value::Object(object))
        }
        Form::Strings => {
            let (mut items, mut rest) = (Vec::new(), bytes);
            while let Some((_, wire)) = next(&mut rest)? {
                items.push(scalars::text(wire.bytes(form)?)?.into());
            }
            Ok(Value::Array(items))
        }
        Form::Quantity | Form::Json | Form::IntOrString | Form::Time | Form::MicroTime => {
            let (mut parts, mut rest) = (Vec::new(), bytes);
            while let Some(part) = next(&mut rest)? {
                parts.push(part);
            }
            scalars::wrapped(form, &parts)
        }
        _ => scalars::plain(form, bytes),
    }
}
