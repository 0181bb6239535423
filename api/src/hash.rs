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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_templates_have_equal_hashes() {
        let template =
            json!({ "spec": { "containers": [{ "name": "a", "image": "1" }] }, "metadata": null });
        let reordered: Value =
            serde_json::from_str(r#"{"spec":{"containers":[{"image":"1","name":"a"}]}}"#).unwrap();
        let hash = pod_template_hash(&template, 0);
        assert_eq!(hash, pod_template_hash(&reordered, 0));
        assert!((1..=10).contains(&hash.len()));
        assert!(hash.bytes().all(|byte| SAFE_ALPHABET.contains(&byte)));
    }

    #[test]
    fn other_templates_and_collisions_have_other_hashes() {
        let templates = [
            json!({ "a": ["1", "2"] }),
            json!({ "a": ["12"] }),
            json!({ "a": [12] }),
            json!({ "a": { "1": "2" } }),
        ];
        let mut hashes: Vec<String> = templates
            .iter()
            .map(|template| pod_template_hash(template, 0))
            .collect();
        hashes.push(pod_template_hash(&templates[0], 1));
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 5);
    }

    /// Fixed for ever: another hash would make every Deployment roll out anew after an upgrade.
    #[test]
    fn the_hash_never_changes() {
        assert_eq!(safe_encode("0123456789"), "456789bcdf");
        let mut hash = Fnv1a::new();
        hash.write(b"foobar");
        assert_eq!(hash.0, 0xbf9c_f968);
    }
}
