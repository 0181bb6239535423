//! The decoded query of a URL.

use axum::extract;
use http::Uri;

/// The parameters of a URL's query, decoded, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a URL's query; one that cannot be decoded counts as empty.
    pub(crate) fn of(uri: &Uri) -> Self {
        if uri.query().is_none() {
            return Self::default();
        }
        match extract::Query::try_from_uri(uri) {
            Ok(extract::Query(pairs)) => Self(pairs),
            Err(_) => Self::default(),
        }
    }

    /// The first value of a parameter, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// Every value of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a flag is set: there, and not `0` or `false`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.all(name)
            .next()
            .is_some_and(|value| !matches!(value, "0" | "false" | "False" | "FALSE" | "f" | "F"))
    }

    /// All parameters, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
