//! A value together with its place, so that rules read well and errors name the field.

use serde_json::Value;

use crate::field::{Error, Path};

/// A value of an object and where it stands; what is missing, or of another type, reads as null.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    value: &'a Value,
    path: Path,
}

impl<'a> Field<'a> {
    /// The object itself.
    pub(crate) fn root(object: &'a Value) -> Self {
        Self::at(Path::root(""), object)
    }

    /// A value that stands at `path`.
    pub(crate) fn at(path: Path, value: &'a Value) -> Self {
        Self { value, path }
    }

    /// A field of this one.
    pub(crate) fn get(&self, name: &str) -> Field<'a> {
        let value = self.value.get(name).unwrap_or(&Value::Null);
        Self::at(self.path.child(name), value)
    }

    /// An entry of this map, whose keys are data.
    pub(crate) fn key(&self, key: &str) -> Field<'a> {
        let value = self.value.get(key).unwrap_or(&Value::Null);
        Self::at(self.path.key(key), value)
    }

    /// The items of this list.
    pub(crate) fn items(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let path = self.path.clone();
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        let indexed = items.iter().enumerate();
        indexed.map(move |(index, item)| Self::at(path.index(index), item))
    }

    /// The entries of this map, each at `path[key]`.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> + use<'a> {
        let path = self.path.clone();
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(move |(key, value)| (key.as_str(), Self::at(path.key(key), value)))
    }

    /// The keys of this map.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(|(key, _)| key.as_str())
    }

    /// The value.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// The place.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The string, empty if there is none: to most fields of the API that is the same.
    pub(crate) fn str(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The whole number.
    pub(crate) fn int(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// Whether it is `true`.
    pub(crate) fn is_true(&self) -> bool {
        self.value == &Value::Bool(true)
    }

    /// Whether it is there at all; null is not.
    pub(crate) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether it is missing, `""`, `[]` or `{}`.
    pub(crate) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// How many items or entries it has.
    pub(crate) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(entries) => entries.len(),
            _ => 0,
        }
    }

    /// The error that it is missing.
    pub(crate) fn required(&self, detail: &str) -> Error {
        Error::required(&self.path, detail)
    }

    /// The error that its value breaks a rule.
    pub(crate) fn invalid(&self, detail: impl Into<String>) -> Error {
        Error::invalid(&self.path, self.value.clone(), detail)
    }

    /// One error for each of the words that say what is wrong with its value.
    pub(crate) fn invalid_each(&self, wrong: Vec<String>) -> impl Iterator<Item = Error> {
        wrong.into_iter().map(|words| self.invalid(words))
    }

    /// The error that its value is none of these.
    pub(crate) fn not_supported(&self, supported: &[&str]) -> Error {
        Error::not_supported(&self.path, self.value.clone(), supported)
    }

    /// The error that it may not be set or changed.
    pub(crate) fn forbidden(&self, detail: impl Into<String>) -> Error {
        Error::forbidden(&self.path, detail)
    }

    /// The error that its value stands twice.
    pub(crate) fn duplicate(&self) -> Error {
        Error::duplicate(&self.path, self.value.clone())
    }

    /// The error that what it names does not exist.
    pub(crate) fn not_found(&self) -> Error {
        Error::not_found(&self.path, self.value.clone())
    }
}
