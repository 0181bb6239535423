//! Protobuf, which typed clients of Go speak: bodies are read as the JSON that the same client would have written, and
//! answers are written from JSON.
//!
//! ```text
//!   "k8s\0" Unknown{typeMeta, raw} ──► envelope ──► decode ──► JSON value ──► encode ──► envelope
//!                                         ▲           ▲ └──► special   messages that JSON has as one value: times, quantities, …
//!   fields.tsv ──► table ─────────────────┴───────────┘ └──► wire, writer      tags, varints, lengths
//! ```
//!
//! Go's protobuf writes every field that is no pointer, zero or not; its JSON leaves a zero out where the field says
//! `omitempty`. To come to the same JSON, a zero (`""`, `0`, `false`) is dropped, but not in a field that the table
//! marks with `*`: those are pointers in Go, where zero is not absence (`replicas: 0`), or lack `omitempty`.
//! Fields that the table does not know are skipped, as Go skips them. Those of schemas of custom kinds that a definition
//! may not have (`dependencies`, `patternProperties` and the like) are not in it.

mod decode;
mod encode;
mod envelope;
mod error;
mod special;
mod table;
#[cfg(test)]
mod tests;
mod wire;
mod writer;

use serde_json::{Map, Value};

use crate::Status;
use envelope::Envelope;
use error::Error;
use table::Table;
use writer::Writer;

/// The deepest nesting of an object: what the JSON reader takes, so that what is stored can be read again.
const DEPTH_MAX: usize = 127;
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// Reads a body of `application/vnd.kubernetes.protobuf`: an object of a built-in kind, or what is sent beside them
/// (DeleteOptions, Scale, TokenRequest, …), with the apiVersion and kind that its envelope names.
///
/// 400 if it is none. What it needs grows with the body: the caller bounds that.
pub fn decode_protobuf(body: &[u8]) -> Result<Value, Status> {
    object(body).map_err(|error| Status::bad_request(error.to_string()))
}

fn object(body: &[u8]) -> Result<Value, Error> {
    let Envelope {
        api_version,
        kind,
        raw,
    } = Envelope::read(body)?;
    let table = Table::get();
    let Some(type_name) = table.type_of(api_version, kind) else {
        return Err(Error::UnknownKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        });
    };
    let mut fields = Map::new();
    fields.insert("apiVersion".into(), api_version.into());
    fields.insert("kind".into(), kind.into());
    decode::object(table, type_name, raw, &mut fields)?;
    let object = Value::Object(fields);
    if depth(&object) > DEPTH_MAX {
        return Err(Error::TooDeep);
    }
    Ok(object)
}

/// Whether objects of a kind, or their lists, can be written in protobuf: those of built-in kinds can.
pub fn has_protobuf(api_version: &str, kind: &str) -> bool {
    Table::get().type_of(api_version, kind).is_some()
}

/// An object, or a list of a kind's objects, in its envelope; `None` if [`has_protobuf`] says no of its kind.
///
/// Fields that are younger than the table are left out.
pub fn encode_protobuf(object: &Value) -> Option<Vec<u8>> {
    let table = Table::get();
    let api_version = object["apiVersion"].as_str()?;
    let kind = object["kind"].as_str()?;
    let mut message = Writer::default();
    if let Some(type_name) = table.type_of(api_version, kind) {
        encode::message(table, type_name, object, &mut message);
    } else {
        let type_name = table.type_of(api_version, kind.strip_suffix("List")?)?;
        encode_list(table, type_name, object, &mut message);
    }
    let envelope = Envelope {
        api_version,
        kind,
        raw: &message.finish(),
    };
    Some(envelope.write())
}

/// Every list is a message of its metadata and its items.
fn encode_list(table: &Table, type_name: &str, list: &Value, out: &mut Writer) {
    out.message(1, |out| {
        encode::message(table, LIST_META, &list["metadata"], out);
    });
    for item in list["items"].as_array().into_iter().flatten() {
        out.message(2, |out| encode::message(table, type_name, item, out));
    }
}

/// An event of a watch, such as `ADDED`, with its object as [`encode_protobuf`] writes it: its length in four bytes, the
/// highest first, then meta/v1 WatchEvent, without an envelope of its own.
pub fn encode_protobuf_event(kind: &str, object: &[u8]) -> Vec<u8> {
    let mut event = Writer::default();
    event.bytes(1, kind.as_bytes());
    event.message(2, |raw_extension| raw_extension.bytes(1, object));
    let event = event.finish();
    let length = u32::try_from(event.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), &event[..]].concat()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
