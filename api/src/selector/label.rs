//! Label selectors in all their forms (k8s.io/apimachinery/pkg/labels).

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Map, Value};

use super::parse::parse;
use super::{Labels, Operator, Requirement, SelectorError};
use crate::field::{Error, Errors, Path};
use crate::metadata::{invalid, validate_labels};
use crate::names;

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
