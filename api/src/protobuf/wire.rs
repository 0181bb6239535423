//! The wire format: tags, varints, lengths. Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::error::Error;

/// The highest field number that protobuf has.
const NUMBER_MAX: u64 = (1 << 29) - 1;

/// The value of one field as it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    /// An integer or a boolean.
    Varint(u64),
    /// A text, bytes, a message, or packed integers.
    Bytes(&'a [u8]),
    /// A value of 8 bytes.
    Fixed64(u64),
    /// A value of 4 bytes, which no field of the API's tables has.
    Fixed32,
}

impl<'a> Wire<'a> {
    /// The integer that the field must hold.
    pub(super) fn varint(self, field: &'static str) -> Result<u64, Error> {
        match self {
            Wire::Varint(value) => Ok(value),
            other => Err(other.wrong(field)),
        }
    }

    /// The bytes that the field must hold.
    pub(super) fn bytes(self, field: &'static str) -> Result<&'a [u8], Error> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            other => Err(other.wrong(field)),
        }
    }

    /// The text that the field must hold.
    pub(super) fn text(self, field: &'static str) -> Result<&'a str, Error> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| Error::NotText(field))
    }

    /// The number that the field must hold.
    pub(super) fn double(self, field: &'static str) -> Result<f64, Error> {
        match self {
            Wire::Fixed64(bits) => Ok(f64::from_bits(bits)),
            other => Err(other.wrong(field)),
        }
    }

    fn wrong(self, field: &'static str) -> Error {
        let wire_type = match self {
            Wire::Varint(_) => 0,
            Wire::Bytes(_) => 2,
            Wire::Fixed64(_) => 1,
            Wire::Fixed32 => 5,
        };
        Error::WrongWireType { wire_type, field }
    }
}

/// Reads a message from its start to its end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's number and value; `None` at the end.
    pub(super) fn next_field(&mut self) -> Result<Option<(u32, Wire<'a>)>, Error> {
        if self.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let (number, wire_type) = (tag >> 3, (tag & 7) as u8);
        if !(1..=NUMBER_MAX).contains(&number) {
            return Err(Error::IllegalTag {
                tag: number,
                wire_type,
            });
        }
        let wire = match wire_type {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.take(8)?.iter().rev().fold(0, low_byte)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed32)?,
            other => return Err(Error::IllegalWireType(other)),
        };
        Ok(Some((number as u32, wire)))
    }

    /// An integer: seven bits a byte, the lowest first, at most 64.
    pub(super) fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Overflow)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let length = usize::try_from(length).map_err(|_| Error::UnexpectedEnd)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Error::UnexpectedEnd)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn low_byte(higher: u64, byte: &u8) -> u64 {
    higher << 8 | u64::from(*byte)
}
