//! Request bodies: JSON text to values, and what is wrong with the text.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::Status;

/// More duplicates than this are not told (as sigs.k8s.io/json).
const DUPLICATES_MAX: usize = 100;

/// A JSON text as a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The value; of a field that stands twice it has the last.
    pub value: Value,
    /// The fields that stand twice, such as `spec.replicas`; at most a hundred.
    pub duplicates: Vec<String>,
}

/// The text that an object was sent as, for what is told of it in the order of the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'a> {
    /// The JSON; empty if it was none.
    pub text: &'a [u8],
    /// The fields that stood twice in it.
    pub duplicates: &'a [String],
}

/// Reads a JSON text, nested at most 128 deep; 400 if it is none.
pub fn decode_json(text: &[u8]) -> Result<Decoded, Status> {
    let mut duplicates = Vec::new();
    let value = read(text, &mut |path, is_again| {
        if is_again && duplicates.len() < DUPLICATES_MAX {
            duplicates.push(path.to_owned());
        }
    });
    let value = value.map_err(|error| Status::bad_request(format!("json parse error: {error}")))?;
    Ok(Decoded { value, duplicates })
}

impl Sent<'_> {
    /// Where fields stand in the text: the first time, and the last.
    pub(crate) fn places(&self) -> HashMap<String, (usize, usize)> {
        let (mut places, mut count) = (HashMap::new(), 0);
        let read = read(self.text, &mut |path, _| {
            count += 1;
            places.entry(path.to_owned()).or_insert((count, count)).1 = count;
        });
        read.map_or_else(|_| HashMap::new(), |_| places)
    }
}

/// Reads a JSON text and tells of each field, by its path, and whether it has stood there before.
fn read(text: &[u8], tell: &mut impl FnMut(&str, bool)) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let path = &mut String::new();
    let value = Field { path, tell }.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// Reads one value; the path is where it stands.
struct Field<'a, T> {
    path: &'a mut String,
    tell: &'a mut T,
}

impl<T> Field<'_, T> {
    /// A field of this one, under a longer path.
    fn inside(&mut self, step: fmt::Arguments<'_>) -> (usize, Field<'_, T>) {
        let length = self.path.len();
        fmt::write(self.path, step).expect("writing to a String cannot fail");
        let field = Field {
            path: self.path,
            tell: self.tell,
        };
        (length, field)
    }
}

impl<'de, T: FnMut(&str, bool)> DeserializeSeed<'de> for Field<'_, T> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FnMut(&str, bool)> Visitor<'de> for Field<'_, T> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let (length, field) = self.inside(format_args!("[{}]", list.len()));
            let item = items.next_element_seed(field)?;
            self.path.truncate(length);
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let dot = if self.path.is_empty() { "" } else { "." };
            let (length, field) = self.inside(format_args!("{dot}{key}"));
            (field.tell)(field.path, map.contains_key(&key));
            let value = entries.next_value_seed(field)?;
            self.path.truncate(length);
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_becomes_a_value() {
        let text = br#"{"a": [1, -2, 3.5, "x", null, true], "b": {"c": {}}}"#;
        let decoded = decode_json(text).unwrap();
        assert_eq!(
            decoded.value,
            json!({"a": [1, -2, 3.5, "x", null, true], "b": {"c": {}}})
        );
        assert_eq!(decoded.duplicates, Vec::<String>::new());
    }

    #[test]
    fn fields_that_stand_twice_are_told() {
        let text = br#"{"spec": {"replicas": 1, "replicas": 2, "list": [{}, {"a": 1, "a": 1}]}, "spec2": 1, "spec2": 2}"#;
        let decoded = decode_json(text).unwrap();
        assert_eq!(decoded.value["spec"]["replicas"], 2);
        assert_eq!(
            decoded.duplicates,
            ["spec.replicas", "spec.list[1].a", "spec2"]
        );
    }

    #[test]
    fn bad_text_is_a_bad_request() {
        let deep = "[".repeat(100_000);
        let cases: [(&[u8], &str); 5] = [
            (
                b"",
                "json parse error: EOF while parsing a value at line 1 column 0",
            ),
            (
                b"{\"a\": }",
                "json parse error: expected value at line 1 column 7",
            ),
            (
                b"{} x",
                "json parse error: trailing characters at line 1 column 4",
            ),
            (
                b"\"\xff\"",
                "json parse error: invalid unicode code point at line 1 column 2",
            ),
            (
                deep.as_bytes(),
                "json parse error: recursion limit exceeded at line 1 column 128",
            ),
        ];
        for (text, words) in cases {
            let status = decode_json(text).unwrap_err();
            assert_eq!((status.code(), status.message.as_str()), (400, words));
        }
    }
}
