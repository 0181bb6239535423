//! MutatingAdmissionPolicies, compiled.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::conditions::Conditions;
use super::evaluation::{Evaluation, Facts, Scene};
use super::expression::{Expression, Names, Variable};
use super::values;
use crate::stack::{OF_KNOWN_DEPTH, on_a_stack};
use crate::{PatchType, Reason, Schema, apply_patch, managed};

/// A MutatingAdmissionPolicy, ready to change objects.
#[derive(Debug)]
pub struct MutatingPolicy {
    conditions: Conditions,
    variables: Arc<[Variable]>,
    mutations: Vec<Mutation>,
}

#[derive(Debug)]
enum Mutation {
    /// What the object is to have (server-side apply).
    Apply(Expression),
    /// The operations of a JSON patch.
    Patch(Expression),
}

/// Why a policy could not change an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMutated {
    /// For the user.
    pub message: String,
    /// What kind of refusal it is.
    pub reason: Reason,
}

impl MutatingPolicy {
    /// Compiles the `spec` of a policy; or says what is wrong with it.
    pub fn compile(spec: &Value) -> Result<Self, String> {
        let names = Names::of_policy(spec);
        let with_types = Names {
            types: true,
            ..names
        };
        let variables = Variable::compile_all(spec, with_types)?;
        let within = Names {
            variables: Some(&variables),
            ..with_types
        };
        let mutations = spec["mutations"].as_array().into_iter().flatten();
        let mutations = mutations.map(|stored| Mutation::compile(stored, within));
        Ok(Self {
            mutations: mutations.collect::<Result<_, _>>()?,
            conditions: Conditions::compile(&spec["matchConditions"], names)?,
            variables: variables.into(),
        })
    }

    /// The object as the policy changes it, with one parameter object; each mutation sees what those before it did.
    pub fn mutated(
        &self,
        facts: &Facts<'_>,
        params: Option<&Value>,
        schema: &Schema,
    ) -> Result<Value, NotMutated> {
        let evaluated = on_a_stack(OF_KNOWN_DEPTH, || self.evaluated(facts, params, schema));
        evaluated.unwrap_or_else(|message| {
            Err(NotMutated {
                message,
                reason: Reason::Forbidden,
            })
        })
    }

    fn evaluated(
        &self,
        facts: &Facts<'_>,
        params: Option<&Value>,
        schema: &Schema,
    ) -> Result<Value, NotMutated> {
        let mut object = Cow::Borrowed(facts.object);
        let mut is_first = true;
        for mutation in &self.mutations {
            let scene = Scene::new(&Facts {
                object: &object,
                ..facts.clone()
            });
            let evaluation = Evaluation::new(&scene, params, &self.variables);
            if std::mem::take(&mut is_first) && !self.holds(&evaluation)? {
                break;
            }
            let changed = mutation.applied(&evaluation, &object, schema);
            object = Cow::Owned(changed.map_err(|message| NotMutated {
                message,
                reason: Reason::Forbidden,
            })?);
        }
        Ok(object.into_owned())
    }

    fn holds(&self, evaluation: &Evaluation<'_>) -> Result<bool, NotMutated> {
        let holds = self.conditions.hold_in(evaluation);
        holds.map_err(|message| NotMutated {
            message,
            reason: Reason::Invalid,
        })
    }
}

impl Mutation {
    fn compile(stored: &Value, names: Names<'_>) -> Result<Self, String> {
        let source = |field: &str| stored[field]["expression"].as_str().unwrap_or_default();
        Ok(match stored["patchType"].as_str() {
            Some("JSONPatch") => Self::Patch(Expression::compile(source("jsonPatch"), names)?),
            _ => Self::Apply(Expression::compile(source("applyConfiguration"), names)?),
        })
    }

    fn applied(
        &self,
        evaluation: &Evaluation<'_>,
        object: &Value,
        schema: &Schema,
    ) -> Result<Value, String> {
        match self {
            Self::Apply(expression) => {
                let config = values::to_json(&evaluation.value(expression)?)?;
                managed::merged(object, &config, schema).map_err(|why| {
                    format!("error applying patch: invalid ApplyConfiguration: {why}")
                })
            }
            Self::Patch(expression) => {
                let patch = values::to_json(&evaluation.value(expression)?)?;
                patched(object, &patch, schema)
            }
        }
    }
}

/// A patch whose `test` is not met changes nothing.
fn patched(object: &Value, patch: &Value, schema: &Schema) -> Result<Value, String> {
    let mut patched = object.clone();
    let Some(operations) = patch.as_array() else {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array".to_owned());
    };
    for operation in operations {
        let one = Value::Array(vec![operation.clone()]);
        match apply_patch(PatchType::Json, &patched, &one, schema) {
            Ok(done) => patched = done,
            Err(status) if operation["op"] == "test" && status.reason == Reason::Invalid => {
                return Ok(object.clone());
            }
            Err(status) => return Err(format!("error applying JSON Patch: {}", status.message)),
        }
    }
    Ok(patched)
}
