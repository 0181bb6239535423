//! Objects to bytes and back.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use skiff_api::Status;
use skiff_store::{Entry, Key, Revision, Value as Stored};

/// The object in JSON, with a gap for its resource version: the store fills it in when the write commits.
pub(crate) fn encode(object: &Value) -> Stored {
    let mut before = Vec::with_capacity(1024);
    let mut after = None;
    before.push(b'{');
    for (at, (key, value)) in object.as_object().into_iter().flatten().enumerate() {
        let out = after.as_mut().unwrap_or(&mut before);
        write_key(out, at, key);
        match value.as_object() {
            Some(metadata) if key == "metadata" => {
                let mut rest = Vec::with_capacity(1024);
                before.extend_from_slice(b"{\"resourceVersion\":\"");
                rest.push(b'"');
                let others = metadata.iter().filter(|(key, _)| *key != "resourceVersion");
                for (key, value) in others {
                    write_key(&mut rest, 1, key);
                    write(&mut rest, value);
                }
                rest.push(b'}');
                after = Some(rest);
            }
            _ => write(out, value),
        }
    }
    match after {
        Some(mut after) => {
            after.push(b'}');
            Stored::stamped(before, after)
        }
        None => {
            before.push(b'}');
            Stored::plain(before)
        }
    }
}

fn write_key(out: &mut Vec<u8>, at: usize, key: &str) {
    if at > 0 {
        out.push(b',');
    }
    write(out, &key);
    out.push(b':');
}

/// Writing JSON values into memory does not fail: their maps have string keys.
fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        tracing::error!(%error, "a JSON value could not be written");
    }
}

/// The object's bytes as they stand in the store after a write at that revision.
pub(crate) fn stamped(value: &Stored, key: &Key, revision: Revision) -> Bytes {
    Entry::new(key.clone(), value, revision, revision).value
}

/// The object that stands in the store.
pub(crate) fn object_of(bytes: &[u8]) -> Result<Value, Status> {
    part_of(bytes)
}

/// As much of an object that stands in the store as is asked for.
pub(crate) fn part_of<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Status> {
    serde_json::from_slice(bytes).map_err(|error| {
        tracing::error!(%error, "a stored object cannot be read");
        Status::internal("a stored object cannot be read")
    })
}

/// A time as the API writes it: `2026-01-02T03:04:05Z`.
pub(crate) fn timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The current time as the API writes it.
pub(crate) fn now() -> String {
    timestamp(Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_resource_version_has_its_place() {
        let key = Key::new("/k").unwrap();
        let cases = [
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"x": [1]}}),
            json!({"metadata": {"resourceVersion": "7", "uid": "u"}, "zone": null}),
            json!({"a": 1, "metadata": {}}),
        ];
        for mut object in cases {
            let bytes = stamped(&encode(&object), &key, Revision(42));
            object["metadata"]["resourceVersion"] = json!("42");
            assert_eq!(object_of(&bytes).unwrap(), object);
        }
    }
}
