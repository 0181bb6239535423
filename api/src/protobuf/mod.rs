//! Protobuf bodies, which typed clients of Go send: read as the JSON that the same client would have written.
//!
//! ```text
//!   "k8s\0" Unknown{typeMeta, raw} ──► envelope ──► decode ──► JSON value
//!                                         ▲           ▲ └──► special   messages that JSON has as one value: times, quantities, …
//!   fields.tsv ──► table ─────────────────┴───────────┘ └──► wire      tags, varints, lengths
//! ```
//!
//! Go's protobuf writes every field that is no pointer, zero or not; its JSON leaves a zero out where the field says
//! `omitempty`. To come to the same JSON, a zero (`""`, `0`, `false`) is dropped, but not in a field that the table
//! marks with `*`: those are pointers in Go, where zero is not absence (`replicas: 0`), or lack `omitempty`.
//! Fields that the table does not know are skipped, as Go skips them.

mod decode;
mod envelope;
mod error;
mod special;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use serde_json::{Map, Value};

use crate::Status;
use envelope::Envelope;
use error::Error;
use table::Table;

/// The deepest nesting of an object: what the JSON reader takes, so that what is stored can be read again.
const DEPTH_MAX: usize = 127;

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
    decode::message(table, type_name, raw, &mut fields)?;
    let object = Value::Object(fields);
    if depth(&object) > DEPTH_MAX {
        return Err(Error::TooDeep);
    }
    Ok(object)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
