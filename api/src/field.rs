//! Errors that name the field, worded as Kubernetes words them
//! (k8s.io/apimachinery/pkg/util/validation/field).

use std::fmt;

use serde_json::Value;

/// The place of a field in an object: `spec.containers[0].name`, `metadata.labels[app]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// A field of the object itself.
    pub fn root(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A field of this field.
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            return Self::root(name);
        }
        Self([&self.0, ".", name].concat())
    }

    /// An item of this list.
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// An entry of this map.
    pub fn key(&self, key: &str) -> Self {
        Self([&self.0, "[", key, "]"].concat())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What is wrong with a field; each is the `reason` of a cause in a [`crate::Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value that must be there is not.
    Required,
    /// A value that breaks a rule.
    Invalid,
    /// A value that must be unique stands twice.
    Duplicate,
    /// A value that is none of the known ones.
    NotSupported,
    /// A field that must not be set, or not be changed, here.
    Forbidden,
    /// A value that is longer than allowed.
    TooLong,
    /// A list that has more items than allowed.
    TooMany,
    /// A value that refers to something that does not exist.
    NotFound,
    /// A value of the wrong JSON type.
    TypeInvalid,
    /// The rule itself could not be checked.
    Internal,
}

impl ErrorKind {
    /// The reason of the cause (`FieldValueRequired`, …).
    pub fn reason(self) -> &'static str {
        match self {
            ErrorKind::Required => "FieldValueRequired",
            ErrorKind::Invalid => "FieldValueInvalid",
            ErrorKind::Duplicate => "FieldValueDuplicate",
            ErrorKind::NotSupported => "FieldValueNotSupported",
            ErrorKind::Forbidden => "FieldValueForbidden",
            ErrorKind::TooLong => "FieldValueTooLong",
            ErrorKind::TooMany => "FieldValueTooMany",
            ErrorKind::NotFound => "FieldValueNotFound",
            ErrorKind::TypeInvalid => "FieldValueTypeInvalid",
            ErrorKind::Internal => "InternalError",
        }
    }

    fn words(self) -> &'static str {
        match self {
            ErrorKind::Required => "Required value",
            ErrorKind::Invalid | ErrorKind::TypeInvalid => "Invalid value",
            ErrorKind::Duplicate => "Duplicate value",
            ErrorKind::NotSupported => "Unsupported value",
            ErrorKind::Forbidden => "Forbidden",
            ErrorKind::TooLong => "Too long",
            ErrorKind::TooMany => "Too many",
            ErrorKind::NotFound => "Not found",
            ErrorKind::Internal => "Internal error",
        }
    }
}

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where.
    pub path: Path,
    /// The bad value, where it is worth showing.
    pub value: Option<Value>,
    /// The rule, in words.
    pub detail: String,
}

impl Error {
    fn new(kind: ErrorKind, path: &Path, value: Option<Value>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            path: path.clone(),
            value,
            detail: detail.into(),
        }
    }

    /// `path: Required value: detail`.
    pub fn required(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Required, path, None, detail)
    }

    /// `path: Invalid value: value: detail`.
    pub fn invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, path, Some(value.into()), detail)
    }

    /// `path: Duplicate value: value`.
    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorKind::Duplicate, path, Some(value.into()), "")
    }

    /// `path: Unsupported value: value: supported values: "a", "b"`.
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(ErrorKind::NotSupported, path, Some(value.into()), detail)
    }

    /// `path: Forbidden: detail`.
    pub fn forbidden(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, path, None, detail)
    }

    /// `path: Too long: may not be more than max bytes`.
    pub fn too_long(path: &Path, max_bytes: usize) -> Self {
        Self::new(
            ErrorKind::TooLong,
            path,
            None,
            format!("may not be more than {max_bytes} bytes"),
        )
    }

    /// `path: Too many: actual: must have at most max items`.
    pub fn too_many(path: &Path, actual: usize, max: usize) -> Self {
        Self::new(
            ErrorKind::TooMany,
            path,
            Some(actual.into()),
            format!("must have at most {max} items"),
        )
    }

    /// `path: Not found: value`.
    pub fn not_found(path: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorKind::NotFound, path, Some(value.into()), "")
    }

    /// `path: Invalid value: value: detail`, for a value of the wrong JSON type.
    pub fn type_invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::TypeInvalid, path, Some(value.into()), detail)
    }

    /// The error without its path, the `message` of a cause.
    pub fn body(&self) -> String {
        let mut body = self.kind.words().to_owned();
        if let Some(value) = &self.value {
            body.push_str(": ");
            body.push_str(&value.to_string());
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

/// All that is wrong with an object; empty when it is sound.
pub type Errors = Vec<Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_worded_as_kubernetes_words_them() {
        let containers = Path::root("spec").child("containers");
        let cases = [
            (
                Error::required(&containers, ""),
                "spec.containers: Required value",
            ),
            (
                Error::invalid(
                    &Path::root("spec").child("replicas"),
                    -1,
                    "must be greater than or equal to 0",
                ),
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                Error::duplicate(&containers.index(1).child("name"), "a"),
                "spec.containers[1].name: Duplicate value: \"a\"",
            ),
            (
                Error::not_supported(
                    &Path::root("spec").child("type"),
                    "Magic",
                    &["ClusterIP", "NodePort"],
                ),
                "spec.type: Unsupported value: \"Magic\": supported values: \"ClusterIP\", \"NodePort\"",
            ),
            (
                Error::forbidden(&Path::root("metadata").child("labels").key("a"), "no"),
                "metadata.labels[a]: Forbidden: no",
            ),
        ];
        for (error, words) in cases {
            assert_eq!(error.to_string(), words);
        }
    }
}
