//! The conditions under which a webhook is asked or a policy holds (admissionregistration.k8s.io/v1 MatchCondition).

use std::sync::Arc;

use serde_json::Value;

use super::evaluation::{Evaluation, Scene};
use super::expression::{Expression, Names};
use crate::stack::{OF_KNOWN_DEPTH, on_a_stack};

/// Conditions, compiled.
#[derive(Debug, Default)]
pub struct Conditions(Vec<Expression>);

impl Conditions {
    /// Compiles those of a webhook; or says what is wrong with them.
    pub fn of_webhook(stored: &Value) -> Result<Self, String> {
        Self::compile(stored, Names::default())
    }

    /// Compiles a list of them.
    pub(super) fn compile(stored: &Value, names: Names<'_>) -> Result<Self, String> {
        let stored = stored.as_array().into_iter().flatten();
        let compiled = stored.map(|condition| {
            let source = condition["expression"].as_str().unwrap_or_default();
            Expression::compile(source, names)
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a webhook's conditions hold; or why that cannot be told.
    pub fn hold(&self, scene: &Scene) -> Result<bool, String> {
        let hold = || self.hold_in(&Evaluation::new(scene, None, &Arc::default()));
        on_a_stack(OF_KNOWN_DEPTH, hold)?
    }

    /// Whether they hold: one that does not decides, also when others fail.
    pub(super) fn hold_in(&self, evaluation: &Evaluation<'_>) -> Result<bool, String> {
        let mut errors = Vec::new();
        for condition in &self.0 {
            match evaluation.is_true(condition) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => errors.push(why),
            }
        }
        match errors.len() {
            0 => Ok(true),
            1 => Err(errors.remove(0)),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }
}
