//! One requirement on one label.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::field::{Error, Errors, Path};
use crate::names;

/// How a requirement compares a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// `key=value`.
    Equals,
    /// `key!=value`; true as well if there is no such label.
    NotEquals,
    /// `key in (a,b)`.
    In,
    /// `key notin (a,b)`; true as well if there is no such label.
    NotIn,
    /// `key`.
    Exists,
    /// `!key`.
    DoesNotExist,
    /// `key>1`, an integer.
    GreaterThan,
    /// `key<1`, an integer.
    LessThan,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

impl Requirement {
    /// A requirement, if its key, its values and their number suit the operator.
    pub fn new(
        key: &str,
        operator: Operator,
        values: impl IntoIterator<Item = String>,
    ) -> Result<Self, Errors> {
        let values: BTreeSet<String> = values.into_iter().collect();
        let errors = validate_requirement(key, operator, &values);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            key: key.to_owned(),
            operator,
            values,
        })
    }

    /// `key=value`, not checked: a bad key or value matches nothing.
    pub(super) fn equal(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: BTreeSet::from([value.to_owned()]),
        }
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How the label is compared.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// With what it is compared, sorted.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// Whether labels fulfil it.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        let label = labels.label(&self.key);
        match self.operator {
            Operator::Equals | Operator::In => {
                label.is_some_and(|label| self.values.contains(label))
            }
            Operator::NotEquals | Operator::NotIn => {
                !label.is_some_and(|label| self.values.contains(label))
            }
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compares(label, |label, bound| label > bound),
            Operator::LessThan => self.compares(label, |label, bound| label < bound),
        }
    }

    fn compares(&self, label: Option<&str>, compare: fn(i64, i64) -> bool) -> bool {
        let label = label.and_then(|label| label.parse().ok());
        let bound = self.values.first().and_then(|bound| bound.parse().ok());
        label
            .zip(bound)
            .is_some_and(|(label, bound)| compare(label, bound))
    }
}

fn validate_requirement(key: &str, operator: Operator, values: &BTreeSet<String>) -> Errors {
    let path = Path::root("values");
    let shown = || Value::from_iter(values.iter().cloned());
    let mut errors: Errors = joined(&Path::root("key"), key, names::qualified_name(key))
        .into_iter()
        .collect();
    let rule =
        match operator {
            Operator::In | Operator::NotIn => (values.is_empty())
                .then_some("for 'in', 'notin' operators, values set can't be empty"),
            Operator::Equals | Operator::NotEquals => {
                (values.len() != 1).then_some("exact-match compatibility requires one single value")
            }
            Operator::Exists | Operator::DoesNotExist => (!values.is_empty())
                .then_some("values set must be empty for exists and does not exist"),
            Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            Operator::GreaterThan | Operator::LessThan => values
                .iter()
                .any(|value| value.parse::<i64>().is_err())
                .then_some("for 'Gt', 'Lt' operators, the value must be an integer"),
        };
    errors.extend(rule.map(|rule| Error::invalid(&path, shown(), rule)));
    for (index, value) in values.iter().enumerate() {
        errors.extend(joined(
            &path.index(index).key(key),
            value,
            names::label_value(value),
        ));
    }
    errors
}

/// All that is wrong with one text as one error.
pub(super) fn joined(path: &Path, value: &str, wrong: Vec<String>) -> Option<Error> {
    (!wrong.is_empty()).then(|| Error::invalid(path, value, wrong.join("; ")))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values: Vec<&str> = self.values().collect();
        let values = match values[..] {
            // `()` would be no value at all.
            [""] if matches!(self.operator, Operator::In | Operator::NotIn) => ",".to_owned(),
            _ => values.join(","),
        };
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// Something that has labels by key.
pub trait Labels {
    /// The label of that key.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

impl<L: Labels> Labels for Option<L> {
    fn label(&self, key: &str) -> Option<&str> {
        self.as_ref().and_then(|labels| labels.label(key))
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    fn label(&self, key: &str) -> Option<&str> {
        (**self).label(key)
    }
}
