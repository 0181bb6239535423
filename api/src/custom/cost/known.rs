//! What is known of a value before there is one.

use serde_json::Value;

use super::size::{LONGEST_TEXT, largest};
use crate::custom::escape;

/// Whether a text stands for a time: those are compared as numbers.
fn is_time(schema: &Value) -> bool {
    matches!(
        schema["format"].as_str(),
        Some("date" | "date-time" | "duration")
    )
}

/// What may stand at a place of an expression.
#[derive(Clone, Debug)]
pub(super) enum Known<'s> {
    /// What a schema allows.
    Of(&'s Value),
    /// A text of so many bytes at most.
    Text(u64),
    /// At most so many of the same.
    Many(Box<Known<'s>>, u64),
    /// A number, a truth, a time.
    Scalar,
    /// Nothing is known; it may fill a request.
    Anything,
}

impl<'s> Known<'s> {
    /// How large it may be: bytes of a text, items of a list, entries of a map.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Of(schema) => largest(schema),
            Self::Text(size) | Self::Many(_, size) => *size,
            Self::Scalar => 1,
            Self::Anything => LONGEST_TEXT,
        }
    }

    /// A field, by its name in CEL.
    pub(super) fn field(&self, name: &str) -> Self {
        let Self::Of(schema) = self else {
            return Self::Anything;
        };
        let properties = schema["properties"].as_object();
        let field = properties.and_then(|properties| {
            let exact = properties.get(name);
            exact.or_else(|| {
                let mut all = properties.iter();
                let found = all.find(|(known, _)| escape(known) == name);
                found.map(|(_, field)| field)
            })
        });
        match field {
            Some(field) => Self::Of(field),
            None => self.values(),
        }
    }

    /// The items of a list, or the values of a map.
    pub(super) fn values(&self) -> Self {
        match self {
            Self::Of(schema) => {
                let mut inner = ["items", "additionalProperties"].iter();
                let inner = inner.find_map(|name| schema.get(*name));
                inner
                    .filter(|inner| inner.is_object())
                    .map_or(Self::Anything, Self::Of)
            }
            Self::Many(each, _) => (**each).clone(),
            _ => Self::Anything,
        }
    }

    /// What a loop over it sees: the items of a list, the keys of a map.
    pub(super) fn rounds(&self) -> Self {
        match self {
            Self::Of(schema) if schema["type"] == "object" => Self::Text(0),
            _ => self.values(),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        match self {
            Self::Of(schema) => schema["type"] == "string" && !is_time(schema),
            Self::Text(_) => true,
            _ => false,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::Of(schema) => schema["type"] == "array",
            Self::Many(..) => true,
            _ => false,
        }
    }

    /// The larger of two.
    pub(super) fn or(self, other: Self) -> Self {
        if other.size() > self.size() {
            other
        } else {
            self
        }
    }
}
