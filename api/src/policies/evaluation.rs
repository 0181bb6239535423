//! Evaluating the expressions of a policy: what they know, and what has been computed of it.

use std::sync::{Arc, Mutex};

use kube_cel::cel::{Context, Value as Cel};
use serde_json::Value;

use super::expression::{Expression, Variable};
use super::functions::BASE;
use super::meter::{Meter, SPENT};
use super::question::{Authority, Question};
use super::run::Run;
use super::{authorizer, values, words};

/// The longest message that is computed, in bytes (MaxEvaluatedMessageExpressionSizeBytes).
const LONGEST_MESSAGE: usize = 5 << 10;

/// What expressions know of a request.
#[derive(Clone)]
pub struct Facts<'a> {
    /// As it is to be stored; null for a delete.
    pub object: &'a Value,
    /// As it stands, if it does.
    pub old: Option<&'a Value>,
    /// The request (admission.k8s.io/v1 AdmissionRequest) without its objects.
    pub request: &'a Value,
    /// The Namespace in which the object lives, if it lives in one.
    pub namespace: Option<&'a Value>,
    /// Who answers what the user may do.
    pub authority: Arc<dyn Authority>,
}

/// Facts as values of CEL, for all policies of a request.
pub struct Scene {
    context: Context<'static>,
    /// What it costs to read from the facts.
    weight: u64,
    authority: Arc<dyn Authority>,
    /// What the request itself is about.
    requested: Question,
}

impl Scene {
    /// Takes the facts over.
    pub fn new(facts: &Facts<'_>) -> Self {
        let mut context = BASE.new_inner_scope();
        let all = [
            ("object", Some(facts.object)),
            ("oldObject", facts.old),
            ("request", Some(facts.request)),
            ("namespaceObject", facts.namespace),
        ];
        for (name, value) in all {
            let value = value.map_or(Cel::Null, values::to_cel);
            context.add_variable_from_value(name, value);
        }
        context.add_variable_from_value("authorizer", authorizer::of_user());
        let sizes = all.iter().filter_map(|(_, value)| *value);
        Self {
            context,
            weight: sizes.map(values::size).sum::<u64>() / 10,
            authority: Arc::clone(&facts.authority),
            requested: Question::about(facts.request),
        }
    }
}

/// Rules of schemas know no user.
struct Nobody;

impl Authority for Nobody {
    fn decide(&self, _question: &Question) -> (bool, String) {
        (false, String::new())
    }
}

/// The evaluation of one policy, with one binding and one parameter.
pub struct Evaluation<'s> {
    context: Context<'s>,
    run: Arc<Run>,
}

impl Evaluation<'static> {
    /// Of rules about a value, which was another one before; `weight` is what it costs to read from both.
    pub(crate) fn of_rules(meter: &Arc<Meter>, own: Cel, old: Cel, weight: u64) -> Self {
        let run = Run {
            meter: Arc::clone(meter),
            weight,
            variables: Arc::default(),
            known: Mutex::default(),
            authority: Arc::new(Nobody),
            requested: Question::default(),
        };
        let mut context = BASE.new_inner_scope();
        context.add_variable_from_value("self", own);
        context.add_variable_from_value("oldSelf", old);
        Self::within(context, run)
    }
}

impl<'s> Evaluation<'s> {
    /// With these parameters and variables.
    pub(super) fn new(
        scene: &'s Scene,
        params: Option<&Value>,
        variables: &Arc<[Variable]>,
    ) -> Self {
        let run = Run {
            meter: Arc::new(Meter::new()),
            weight: scene.weight + params.map_or(0, values::size) / 10,
            variables: Arc::clone(variables),
            known: Mutex::new(vec![None; variables.len()]),
            authority: Arc::clone(&scene.authority),
            requested: scene.requested.clone(),
        };
        let mut context = scene.context.new_inner_scope();
        let params = params.map_or(Cel::Null, values::to_cel);
        context.add_variable_from_value("params", params);
        Self::within(context, run)
    }

    fn within(mut context: Context<'s>, run: Run) -> Self {
        let run = Arc::new(run);
        run.enter(&mut context);
        Self { context, run }
    }

    /// The value of an expression; or why it has none.
    pub(crate) fn outcome(&self, expression: &Expression) -> Result<Cel, String> {
        self.run.meter.begin();
        let resolved = self.run.resolve(expression, &self.context);
        match resolved {
            _ if self.run.meter.is_spent() => Err(SPENT.to_owned()),
            resolved => resolved.map_err(|error| words::why(&error)),
        }
    }

    /// The message that a `messageExpression` computes, if it is one of a single line and not too long.
    pub(crate) fn message(&self, expression: &Expression) -> Option<String> {
        let Ok(Cel::String(text)) = self.outcome(expression) else {
            return None;
        };
        let text = text.trim();
        let is_sound = !text.is_empty() && !text.contains('\n') && text.len() <= LONGEST_MESSAGE;
        is_sound.then(|| text.to_owned())
    }

    /// The value of an expression, or why it has none, in the words of a policy.
    pub(super) fn value(&self, expression: &Expression) -> Result<Cel, String> {
        self.outcome(expression).map_err(|why| {
            let source = &expression.source;
            format!("expression '{source}' resulted in error: {why}")
        })
    }

    /// Whether an expression is true.
    pub(super) fn is_true(&self, expression: &Expression) -> Result<bool, String> {
        match self.value(expression)? {
            Cel::Bool(truth) => Ok(truth),
            other => {
                let (source, got) = (&expression.source, other.type_of());
                let why = format!("must evaluate to bool, not {got}");
                Err(format!("expression '{source}' resulted in error: {why}"))
            }
        }
    }
}
