//! Label selectors in all their forms (k8s.io/apimachinery/pkg/labels).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Map, Value};

use super::SelectorError;
use super::parse::parse;
use crate::field::{Error, Errors, Path};
use crate::metadata::{invalid, validate_labels};
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

/// A set of requirements that labels must all fulfil; without any it matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Sorted by key; `None` matches nothing.
    requirements: Option<Vec<Requirement>>,
}

impl Selector {
    /// Matches everything, as the empty selector does.
    pub fn everything() -> Self {
        Self::new(Vec::new())
    }

    /// Matches nothing, as an absent selector does.
    pub fn nothing() -> Self {
        Self { requirements: None }
    }

    /// Matches what fulfils all of these.
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort();
        Self {
            requirements: Some(requirements),
        }
    }

    /// Reads the form of `kubectl -l`: `a=b,c!=d,e in (f,g),!h,i`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse(text).map(Self::new)
    }

    /// Reads a LabelSelector object (`spec.selector` of a Deployment); null matches nothing, `{}` everything.
    ///
    /// The errors name fields below `path`.
    pub fn from_object(selector: &Value, path: &Path) -> Result<Self, Errors> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let labels = selector["matchLabels"].as_object();
        let mut errors = validate_labels(labels, &path.child("matchLabels"));
        let mut requirements = equal_to(labels);
        let expressions = selector["matchExpressions"]
            .as_array()
            .into_iter()
            .flatten();
        for (index, expression) in expressions.enumerate() {
            match expressed(expression, &path.child("matchExpressions").index(index)) {
                Ok(requirement) => requirements.push(requirement),
                Err(wrong) => errors.extend(wrong),
            }
        }
        if errors.is_empty() {
            Ok(Self::new(requirements))
        } else {
            Err(errors)
        }
    }

    /// Reads a typed LabelSelector, with the same rules.
    pub fn of(selector: Option<&LabelSelector>) -> Result<Self, Errors> {
        let object = serde_json::to_value(selector).unwrap_or_default();
        Self::from_object(&object, &Path::root("selector"))
    }

    /// The selector of a Service or a ReplicationController: each label must have exactly that value.
    ///
    /// The labels are not checked: a bad one matches nothing.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let equal = |(key, value): (&String, &String)| Requirement::equal(key, value);
        Self::new(labels.into_iter().map(equal).collect())
    }

    /// Whether the labels fulfil all requirements.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        self.requirements
            .as_ref()
            .is_some_and(|all| all.iter().all(|requirement| requirement.matches(labels)))
    }

    /// Whether it matches everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// The requirements, sorted by key; none as well if nothing matches.
    pub fn requirements(&self) -> &[Requirement] {
        self.requirements.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self
            .requirements()
            .iter()
            .map(Requirement::to_string)
            .collect();
        f.write_str(&words.join(","))
    }
}

impl Requirement {
    fn equal(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: BTreeSet::from([value.to_owned()]),
        }
    }
}

fn equal_to(labels: Option<&Map<String, Value>>) -> Vec<Requirement> {
    let pairs = labels.into_iter().flatten();
    pairs
        .map(|(key, value)| Requirement::equal(key, value.as_str().unwrap_or_default()))
        .collect()
}

/// One of `matchExpressions` (meta/v1 LabelSelectorRequirement).
fn expressed(expression: &Value, path: &Path) -> Result<Requirement, Errors> {
    let key = expression["key"].as_str().unwrap_or_default();
    let word = expression["operator"].as_str().unwrap_or_default();
    let values: Vec<&str> = expression["values"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let values_path = path.child("values");
    let mut errors = Errors::new();
    let operator = match word {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        _ => Operator::DoesNotExist,
    };
    match word {
        "In" | "NotIn" if values.is_empty() => errors.push(Error::required(
            &values_path,
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if !values.is_empty() => errors.push(Error::forbidden(
            &values_path,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => errors.push(Error::invalid(
            &path.child("operator"),
            word,
            "not a valid selector operator",
        )),
    }
    errors.extend(invalid(&path.child("key"), key, names::qualified_name(key)));
    for (index, value) in values.iter().enumerate() {
        errors.extend(invalid(
            &values_path.index(index),
            value,
            names::label_value(value),
        ));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Requirement::new(key, operator, values.into_iter().map(str::to_owned))
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
