//! Bodies of requests, on the way that an API server sends them.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;
use skiff_api::{
    Descriptor, FieldValidation, IncludeObject, Registry, Sent, builtin, decode_json,
    decode_protobuf, encode_protobuf, table,
};

static KINDS: LazyLock<Registry> = LazyLock::new(builtin);

pub(crate) fn json(bytes: &[u8]) {
    if let Ok(decoded) = decode_json(bytes) {
        create(decoded.value, &decoded.duplicates);
    }
}

pub(crate) fn protobuf(bytes: &[u8]) {
    if let Ok(object) = decode_protobuf(bytes) {
        create(object, &[]);
    }
}

/// The built-in kind that an object says it is of.
fn kind_of(object: &Value) -> Option<&'static Descriptor> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let api_version = text("apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    KINDS
        .of_kind(group, version, text("kind"))
        .map(|kind| &**kind)
}

/// What becomes of an object that somebody creates, if it is sound.
pub(crate) fn create(object: Value, duplicates: &[String]) -> Option<Value> {
    take_in(kind_of(&object)?, object, duplicates)
}

/// What becomes of an object of a kind that somebody creates, and of its row in a table.
pub(crate) fn take_in(
    descriptor: &Descriptor,
    mut object: Value,
    duplicates: &[String],
) -> Option<Value> {
    let sent = Sent {
        duplicates,
        ..Sent::default()
    };
    descriptor
        .conform(&mut object, sent, FieldValidation::Warn)
        .ok()?;
    let strategy = &descriptor.strategy;
    strategy.default(&mut object);
    strategy.prepare_create(&mut object);
    let is_sound = strategy.validate(&object).is_empty();
    let now = Timestamp::UNIX_EPOCH;
    table(
        descriptor,
        [&object],
        Value::Null,
        IncludeObject::None,
        "v1",
        now,
    );
    if !is_sound {
        return None;
    }
    // What passed is stored: another update that changes nothing must pass as well.
    let mut again = object.clone();
    strategy.prepare_update(&mut again, &object);
    assert!(strategy.validate(&again).is_empty(), "{again}");
    if let Some(bytes) = encode_protobuf(&object) {
        assert!(decode_protobuf(&bytes).is_ok(), "{object}");
    }
    Some(object)
}
