//! The envelope: four bytes that tell it apart from JSON, then runtime.Unknown.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding>.

use super::error::Error;
use super::wire::Reader;
use super::writer::Writer;

const PREFIX: &[u8] = b"k8s\0";

/// What the envelope says of the message in it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Envelope<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'a str,
    pub(super) raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Opens it.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let unknown = body.strip_prefix(PREFIX).ok_or(Error::NoPrefix)?;
        let mut envelope = Self::default();
        let mut fields = Reader::new(unknown);
        while let Some((number, wire)) = fields.next_field()? {
            match number {
                1 => envelope.read_type_meta(wire.bytes("typeMeta")?)?,
                2 => envelope.raw = wire.bytes("raw")?,
                _ => {}
            }
        }
        if envelope.kind.is_empty() {
            return Err(Error::NoKind);
        }
        Ok(envelope)
    }

    /// Closes it.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut unknown = Writer::default();
        unknown.message(1, |type_meta| {
            type_meta.bytes(1, self.api_version.as_bytes());
            type_meta.bytes(2, self.kind.as_bytes());
        });
        unknown.bytes(2, self.raw);
        // contentEncoding and contentType: Go writes them, empty.
        unknown.bytes(3, b"");
        unknown.bytes(4, b"");
        [PREFIX, &unknown.finish()].concat()
    }

    fn read_type_meta(&mut self, bytes: &'a [u8]) -> Result<(), Error> {
        let mut fields = Reader::new(bytes);
        while let Some((number, wire)) = fields.next_field()? {
            match number {
                1 => self.api_version = wire.text("apiVersion")?,
                2 => self.kind = wire.text("kind")?,
                _ => {}
            }
        }
        Ok(())
    }
}
