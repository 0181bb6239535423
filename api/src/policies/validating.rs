//! ValidatingAdmissionPolicies, compiled.

use std::sync::Arc;

use serde_json::Value;

use super::conditions::Conditions;
use super::evaluation::{Evaluation, Scene};
use super::expression::{Expression, Names, Variable};
use crate::Reason;
use crate::stack::{OF_KNOWN_DEPTH, on_a_stack};

/// A ValidatingAdmissionPolicy, ready to judge requests.
#[derive(Debug)]
pub struct ValidatingPolicy {
    conditions: Conditions,
    variables: Arc<[Variable]>,
    validations: Vec<Validation>,
}

#[derive(Debug)]
struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: Reason,
}

/// Why a policy refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the user.
    pub message: String,
    /// What kind of refusal it is.
    pub reason: Reason,
    /// Whether the policy could not be evaluated: its failure policy says what follows.
    pub is_failure: bool,
}

impl Refusal {
    fn failed(message: String) -> Self {
        Self {
            message,
            reason: Reason::Invalid,
            is_failure: true,
        }
    }
}

impl ValidatingPolicy {
    /// Compiles the `spec` of a policy; or says what is wrong with it.
    pub fn compile(spec: &Value) -> Result<Self, String> {
        let names = Names::of_policy(spec);
        let variables = Variable::compile_all(spec, names)?;
        let within = Names {
            variables: Some(&variables),
            ..names
        };
        let validations = spec["validations"].as_array().into_iter().flatten();
        let validations = validations.map(|stored| Validation::compile(stored, within));
        Ok(Self {
            validations: validations.collect::<Result<_, _>>()?,
            conditions: Conditions::compile(&spec["matchConditions"], names)?,
            variables: variables.into(),
        })
    }

    /// Why the policy refuses a request with one parameter object; nothing if it lets it pass.
    pub fn refusals(&self, scene: &Scene, params: Option<&Value>) -> Vec<Refusal> {
        on_a_stack(OF_KNOWN_DEPTH, || self.found(scene, params))
            .unwrap_or_else(|why| vec![Refusal::failed(why)])
    }

    fn found(&self, scene: &Scene, params: Option<&Value>) -> Vec<Refusal> {
        let evaluation = Evaluation::new(scene, params, &self.variables);
        match self.conditions.hold_in(&evaluation) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(why) => return vec![Refusal::failed(why)],
        }
        let refusals = self.validations.iter();
        refusals
            .filter_map(|validation| validation.refusal(&evaluation))
            .collect()
    }
}

impl Validation {
    fn compile(stored: &Value, names: Names<'_>) -> Result<Self, String> {
        let text = |field: &str| stored[field].as_str().unwrap_or_default();
        let message_expression = match text("messageExpression") {
            "" => None,
            source => Some(Expression::compile(source, names)?),
        };
        let reason = serde_json::from_value(stored["reason"].clone());
        Ok(Self {
            expression: Expression::compile(text("expression"), names)?,
            message: text("message").trim().to_owned(),
            message_expression,
            reason: reason.unwrap_or(Reason::Invalid),
        })
    }

    fn refusal(&self, evaluation: &Evaluation<'_>) -> Option<Refusal> {
        match evaluation.is_true(&self.expression) {
            Ok(true) => None,
            Ok(false) => Some(Refusal {
                message: self.words(evaluation),
                reason: self.reason,
                is_failure: false,
            }),
            Err(why) => Some(Refusal::failed(why)),
        }
    }

    /// The message that is computed, or else the one that is written, or else the expression.
    fn words(&self, evaluation: &Evaluation<'_>) -> String {
        let computed = self.message_expression.as_ref();
        match computed.and_then(|expression| evaluation.message(expression)) {
            Some(text) => text,
            None if !self.message.is_empty() => self.message.clone(),
            None => format!("failed expression: {}", self.expression.source.trim()),
        }
    }
}
