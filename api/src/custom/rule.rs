//! One rule (apiextensions.k8s.io/v1 ValidationRule), in the words of the API server of Kubernetes
//! (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel).

use kube_cel::cel::Value as Cel;
use serde_json::Value;

use crate::field::{Error, ErrorKind, Path};
use crate::policies::{Evaluation, Expression, Meter, Names, SPENT};

/// What rules may name.
pub(super) const NAMES: Names<'static> = Names {
    params: false,
    variables: None,
    types: false,
    schema: true,
};

const RUN_OUT: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// A rule, compiled; or why it is none.
pub(super) struct Rule {
    expression: Result<Expression, String>,
    /// As it is written.
    text: Box<str>,
    message: Box<str>,
    message_expression: Option<Expression>,
    reason: Option<Box<str>>,
    /// Which field the error is about, such as `.size`; empty for the value itself.
    field_path: Box<str>,
    optional_old: bool,
}

impl Rule {
    /// The rules in a list.
    pub(super) fn compile_all(stored: &Value) -> Vec<Self> {
        let stored = stored.as_array().into_iter().flatten();
        stored.map(Self::compile).collect()
    }

    fn compile(stored: &Value) -> Self {
        let text = |field: &str| stored[field].as_str().unwrap_or_default();
        let expression = |field: &str| Expression::compile(text(field), NAMES);
        Self {
            expression: expression("rule"),
            text: text("rule").trim().into(),
            message: text("message").trim().into(),
            message_expression: match text("messageExpression") {
                "" => None,
                _ => expression("messageExpression").ok(),
            },
            reason: stored["reason"].as_str().map(Into::into),
            field_path: text("fieldPath").into(),
            optional_old: stored["optionalOldSelf"] == true,
        }
    }

    /// Whether `oldSelf` is optional in it.
    pub(super) fn may_lack_old(&self) -> bool {
        self.optional_old
    }

    /// Whether it is to be judged: one about a step needs an old value, and what did not change is not judged again
    /// (KEP-4008).
    pub(super) fn is_about(&self, value: &Value, old: Option<&Value>) -> bool {
        match &self.expression {
            Ok(expression) if expression.uses_old => old.is_some() || self.optional_old,
            _ => old != Some(value),
        }
    }

    /// The error if a value breaks it; `shown` is the type of the value at `path`.
    pub(super) fn broken(
        &self,
        evaluation: &Evaluation<'_>,
        meter: &Meter,
        path: &str,
        shown: &str,
    ) -> Option<Error> {
        let named = if self.message.is_empty() {
            &self.text
        } else {
            &self.message
        };
        let outcome = match &self.expression {
            Ok(expression) => evaluation.outcome(expression),
            Err(why) => {
                let words = format!("rule compile error: {why}");
                return Some(Error::invalid(&Path::root(path), shown, words));
            }
        };
        let words = match outcome {
            Ok(Cel::Bool(true)) => return None,
            Ok(_) => return Some(self.told(evaluation, path, shown)),
            Err(_) if meter.has_run_out() => RUN_OUT.to_owned(),
            Err(why) if why == SPENT => format!(
                "'{why}': no further validation rules will be run due to call cost exceeds limit for rule: {named}"
            ),
            Err(why) if why.starts_with("no such overload") => format!(
                "'{why}': call arguments did not match a supported operator, function or macro signature for rule: {named}"
            ),
            Err(why) => format!("{why} evaluating rule: {named}"),
        };
        Some(Error::invalid(&Path::root(path), shown, words))
    }

    /// The error of a rule that does not hold.
    fn told(&self, evaluation: &Evaluation<'_>, path: &str, shown: &str) -> Error {
        let path = format!("{path}{}", self.field_path);
        let path = Path::root(path.trim_start_matches('.'));
        let mut error = Error::invalid(&path, shown, self.words(evaluation));
        match self.reason.as_deref() {
            Some("FieldValueForbidden") => (error.kind, error.value) = (ErrorKind::Forbidden, None),
            Some("FieldValueRequired") => (error.kind, error.value) = (ErrorKind::Required, None),
            Some("FieldValueDuplicate") => error.kind = ErrorKind::Duplicate,
            _ => {}
        }
        error
    }

    /// The message that is computed, or else the one that is written, or else the rule.
    fn words(&self, evaluation: &Evaluation<'_>) -> String {
        let computed = self.message_expression.as_ref();
        match computed.and_then(|expression| evaluation.message(expression)) {
            Some(text) => text,
            None if !self.message.is_empty() => self.message.to_string(),
            None => format!("failed rule: {}", self.text),
        }
    }
}
