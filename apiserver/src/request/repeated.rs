//! Keys that stand twice in a YAML text, which is read as if the last had stood alone.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Says of the first key that stands twice in a text where that is, in the words of Kubernetes' reader (sigs.k8s.io/yaml).
pub(crate) fn repeated_key(text: &[u8]) -> Option<String> {
    let read = Node.deserialize(serde_norway::Deserializer::from_slice(text));
    let error = read.err()?;
    let line = error.location()?.line();
    let words = error.to_string();
    let key = words.split_once(REPEATED)?.1.split('\n').next()?;
    Some(format!(
        "error converting YAML to JSON: yaml: unmarshal errors:\n  line {line}: key {key:?} already set in map"
    ))
}

/// What an error of this module says; the key and a line break follow.
const REPEATED: &str = "repeated: ";

/// One value.
struct Node;

/// A key of a map; the ones before it.
struct Key<'a>(&'a mut HashSet<String>);

impl<'de> DeserializeSeed<'de> for Node {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Node)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while entries.next_key_seed(Key(&mut seen))?.is_some() {
            entries.next_value_seed(Node)?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        if self.0.insert(key.to_owned()) {
            return Ok(());
        }
        Err(E::custom(format!("{REPEATED}{key}\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_found() {
        let text = "\nspec:\n  unknown: uk1\n  foo: a\n  ports:\n  - foo: 1\n    bar: {foo: 2}\n  foo: b\n";
        let found = repeated_key(text.as_bytes()).unwrap();
        let words = "error converting YAML to JSON: yaml: unmarshal errors:\n  line 8: key \"foo\" already set in map";
        assert_eq!(found, words);
        for sound in [
            "",
            "a: 1\nb: [{a: 1}, {a: 2}]\n",
            "{\"a\": {\"a\": 1.5}, \"b\": null}",
            "a: [",
        ] {
            assert_eq!(repeated_key(sound.as_bytes()), None, "{sound}");
        }
    }
}
