//! Short hashes that stand in names and labels.

use serde_json::Value;

use crate::names::SAFE_ALPHABET;

/// The `pod-template-hash` of a Pod template: at most ten letters that are safe in a name.
///
/// Equal templates have equal hashes, whatever the order of their keys. `collisions` is the owner's
/// `status.collisionCount`; another count gives another hash (apps/v1 DeploymentStatus).
pub fn pod_template_hash(template: &Value, collisions: u32) -> String {
    let mut hash = Fnv1a::new();
    hash.write_value(template);
    if collisions > 0 {
        hash.write(&collisions.to_le_bytes());
    }
    safe_encode(&hash.0.to_string())
}

/// Each letter replaced by one of the alphabet of generated names.
fn safe_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| char::from(SAFE_ALPHABET[usize::from(byte) % SAFE_ALPHABET.len()]))
        .collect()
}

/// FNV-1a, 32 bits.
struct Fnv1a(u32);

impl Fnv1a {
    fn new() -> Self {
        Self(0x811c_9dc5)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }

    /// The value with its keys sorted, so that equal values give equal hashes.
    fn write_value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<_> =
                    map.iter().filter(|(_, value)| !value.is_null()).collect();
                entries.sort_by_key(|(key, _)| *key);
                self.write(b"{");
                for (key, value) in entries {
                    self.write(key.as_bytes());
                    self.write(b"\0");
                    self.write_value(value);
                }
                self.write(b"}");
            }
            Value::Array(items) => {
                self.write(b"[");
                items.iter().for_each(|item| self.write_value(item));
                self.write(b"]");
            }
            scalar => {
                self.write(scalar.to_string().as_bytes());
                self.write(b"\0");
            }
        }
    }
}
