//! Values that are no objects in JSON, though some are messages in protobuf.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::ProtobufError;
use super::forms::Form;

/// A value as it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    /// The bytes of a value that has some.
    pub(super) fn bytes(self, form: &Form) -> Result<&'a [u8], ProtobufError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(unreadable(form)),
        }
    }
}

fn unreadable(form: &Form) -> ProtobufError {
    ProtobufError::Field {
        form: format!("{form:?}"),
    }
}

/// A text in UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<String, ProtobufError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| unreadable(&Form::String))
}

/// A number or a truth value.
pub(super) fn number(form: &Form, wire: Wire<'_>) -> Result<Value, ProtobufError> {
    let Wire::Number(number) = wire else {
        return Err(unreadable(form));
    };
    Ok(match form {
        Form::Bool => (number != 0).into(),
        Form::Int32 => (number as i32).into(),
        Form::Double => f64::from_bits(number).into(),
        _ => (number as i64).into(),
    })
}

/// A text, or bytes, which JSON has in base64.
pub(super) fn plain(form: &Form, bytes: &[u8]) -> Result<Value, ProtobufError> {
    match form {
        Form::Bytes => Ok(STANDARD.encode(bytes).into()),
        _ => text(bytes).map(Value::String),
    }
}

/// A value that is a message of its own; its fields have these numbers.
pub(super) fn wrapped(form: &Form, parts: &[(u32, Wire<'_>)]) -> Result<Value, ProtobufError> {
    let number = |wanted: u32| {
        let mut found = parts.iter().filter(|(number, _)| *number == wanted);
        found.find_map(|(_, wire)| match wire {
            Wire::Number(number) => Some(*number as i64),
            Wire::Bytes(_) => None,
        })
    };
    let bytes = |wanted: u32| {
        let mut found = parts.iter().filter(|(number, _)| *number == wanted);
        found.find_map(|(_, wire)| match wire {
            Wire::Bytes(bytes) => Some(*bytes),
            Wire::Number(_) => None,
        })
    };
    match form {
        Form::Quantity => Ok(text(bytes(1).unwrap_or_default())?.into()),
        Form::Json => match bytes(1) {
            Some(raw) => serde_json::from_slice(raw).map_err(|_| unreadable(form)),
            None => Ok(Value::Null),
        },
        Form::IntOrString if number(1) == Some(1) => Ok(text(bytes(3).unwrap_or_default())?.into()),
        Form::IntOrString => Ok((number(2).unwrap_or(0) as i32).into()),
        Form::Time | Form::MicroTime if parts.is_empty() => Ok(Value::Null),
        _ => {
            let nanoseconds = number(2).and_then(|it| i32::try_from(it).ok()).unwrap_or(0);
            let time = Timestamp::new(number(1).unwrap_or(0), nanoseconds);
            let time = time.map_err(|_| unreadable(form))?;
            let pattern = match form {
                Form::MicroTime => "%Y-%m-%dT%H:%M:%S.%6fZ",
                _ => "%Y-%m-%dT%H:%M:%SZ",
            };
            Ok(time.strftime(pattern).to_string().into())
        }
    }
}
