//! Messages that are one value in JSON.

use jiff::Timestamp;
use serde_json::Value;

use super::error::Error;
use super::wire::{Reader, Wire};
use super::writer::Writer;
use crate::decode_json;

/// The first second of the year 1, the zero of Go's time, before which no time of an object lies.
const TIME_MIN_SECONDS: i64 = -62_135_596_800;

/// A message with a form of its own in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Special {
    /// meta/v1 Time: RFC 3339, whole seconds.
    Time,
    /// meta/v1 MicroTime: RFC 3339, microseconds.
    MicroTime,
    /// resource.Quantity: its text.
    Quantity,
    /// intstr.IntOrString: either.
    IntOrString,
    /// runtime.RawExtension and meta/v1 FieldsV1: the JSON in it.
    Json,
    /// A named list of texts, such as the values of a user's `extra`: a list.
    Strings,
}

impl Special {
    /// As the table names it.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "time" => Self::Time,
            "micro-time" => Self::MicroTime,
            "quantity" => Self::Quantity,
            "int-or-string" => Self::IntOrString,
            "json" => Self::Json,
            "strings" => Self::Strings,
            _ => return None,
        })
    }

    /// The value of a message; `None` if it says that there is none.
    pub(super) fn decode(self, message: &[u8]) -> Result<Option<Value>, Error> {
        match self {
            Self::Time => time(message, |time| time.to_string()),
            Self::MicroTime => time(message, |time| format!("{time:.6}")),
            Self::Quantity => quantity(message).map(Some),
            Self::IntOrString => int_or_string(message).map(Some),
            Self::Json => json(message),
            Self::Strings => strings(message).map(Some),
        }
    }

    /// Writes the message that says a value.
    pub(super) fn encode(self, value: &Value, out: &mut Writer) {
        let text = value.as_str().unwrap_or_default();
        match self {
            Self::Time | Self::MicroTime => self.encode_time(text, out),
            Self::Quantity if value.is_number() => out.bytes(1, value.to_string().as_bytes()),
            Self::Quantity => out.bytes(1, text.as_bytes()),
            Self::IntOrString => {
                out.int(1, i64::from(value.is_string()));
                out.int(2, value.as_i64().unwrap_or_default());
                out.bytes(3, text.as_bytes());
            }
            Self::Json => out.bytes(1, value.to_string().as_bytes()),
            Self::Strings => {
                for item in value.as_array().into_iter().flatten() {
                    out.bytes(1, item.as_str().unwrap_or_default().as_bytes());
                }
            }
        }
    }

    /// What is no time is written as none, an empty message.
    fn encode_time(self, text: &str, out: &mut Writer) {
        if let Ok(time) = text.parse::<Timestamp>() {
            let nanos = match self {
                Self::MicroTime => time.subsec_nanosecond(),
                _ => 0,
            };
            out.int(1, time.as_second());
            out.int(2, i64::from(nanos));
        }
    }
}

/// The zero time is an empty message.
fn time(message: &[u8], format: fn(Timestamp) -> String) -> Result<Option<Value>, Error> {
    if message.is_empty() {
        return Ok(None);
    }
    let (mut seconds, mut nanos) = (0, 0);
    each(message, |number, wire| {
        match number {
            1 => seconds = wire.varint("seconds")? as i64,
            2 => nanos = wire.varint("nanos")? as i32,
            _ => {}
        }
        Ok(())
    })?;
    let in_range = seconds >= TIME_MIN_SECONDS && (0..1_000_000_000).contains(&nanos);
    Timestamp::new(seconds, nanos)
        .ok()
        .filter(|_| in_range)
        .map(|time| Some(format(time).into()))
        .ok_or(Error::Time { seconds, nanos })
}

fn quantity(message: &[u8]) -> Result<Value, Error> {
    let mut text = "0";
    each(message, |number, wire| {
        if number == 1 {
            text = wire.text("string")?;
        }
        Ok(())
    })?;
    Ok(text.into())
}

fn int_or_string(message: &[u8]) -> Result<Value, Error> {
    let (mut is_text, mut integer, mut text) = (false, 0, "");
    each(message, |number, wire| {
        match number {
            1 => is_text = wire.varint("type")? == 1,
            2 => integer = wire.varint("intVal")? as i32,
            3 => text = wire.text("strVal")?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(if is_text { text.into() } else { integer.into() })
}

fn json(message: &[u8]) -> Result<Option<Value>, Error> {
    let mut raw: &[u8] = &[];
    each(message, |number, wire| {
        if number == 1 {
            raw = wire.bytes("raw")?;
        }
        Ok(())
    })?;
    if raw.is_empty() {
        return Ok(None);
    }
    let decoded = decode_json(raw).map_err(Error::Json)?;
    Ok(Some(decoded.value))
}

fn strings(message: &[u8]) -> Result<Value, Error> {
    let mut items: Vec<Value> = Vec::new();
    each(message, |number, wire| {
        if number == 1 {
            items.push(wire.text("items")?.into());
        }
        Ok(())
    })?;
    Ok(items.into())
}

/// Hands on each field of a message.
fn each<'a>(
    message: &'a [u8],
    mut read: impl FnMut(u32, Wire<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut fields = Reader::new(message);
    while let Some((number, wire)) = fields.next_field()? {
        read(number, wire)?;
    }
    Ok(())
}
