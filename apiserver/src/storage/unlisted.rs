//! Objects without their lists: all that selectors by fields look at, at a fraction of what the whole object costs.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// JSON whose lists are read over and stand as null. Most of a Pod is in lists: containers, volumes, conditions, the owners of
/// its fields.
pub(super) struct Unlisted(pub(super) Value);

impl<'de> Deserialize<'de> for Unlisted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Unlisted(value))) = from.next_entry()? {
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_left_out_wherever_they_are() {
        let cases = [
            (
                json!({"a": [1, {"b": [2]}], "c": "d"}),
                json!({"a": null, "c": "d"}),
            ),
            (json!([1]), json!(null)),
            (
                json!({"a": {"b": {"c": [], "d": true, "e": -1, "f": 1.5, "g": null}}}),
                json!({"a": {"b": {"c": null, "d": true, "e": -1, "f": 1.5, "g": null}}}),
            ),
        ];
        for (object, expected) in cases {
            let Unlisted(read) = serde_json::from_str(&object.to_string()).unwrap();
            assert_eq!(read, expected, "{object}");
        }
    }
}
