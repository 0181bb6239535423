//! Rules in CEL that a schema brings along (`x-kubernetes-validations`,
//! <https://kubernetes.io/docs/reference/using-api/cel/>), held against objects.
//!
//! In: a schema with its rules, compiled; an object, and what it was. Out: the rules that it breaks, as errors of fields. All
//! rules of an object share what they may cost, as the expressions of a policy do.

#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use serde_json::Value;

use super::child;
use super::rule::{NAMES, Rule};
use super::shape::Shape;
use super::validate::{identity, known_items};
use crate::field::{Error, Errors, Path};
use crate::policies::{self, Evaluation, Meter, size, to_optional};
use crate::stack::{OF_KNOWN_DEPTH, on_a_stack};

/// What is wrong with a rule itself, in words.
pub(crate) fn wrong_with(rule: &str) -> Option<String> {
    policies::wrong_with(rule, NAMES)
}

/// The rules that an object breaks; those about a step are judged only if there is an `old` one.
pub(super) fn broken(shape: &Shape, object: &Value, old: Option<&Value>) -> Errors {
    let judged = on_a_stack(OF_KNOWN_DEPTH, || {
        let mut judge = Judge {
            meter: Arc::new(Meter::new()),
            errors: Errors::new(),
            has_ended: false,
        };
        judge.look(shape, "", object, old);
        judge.errors
    });
    judged.unwrap_or_else(|why| vec![Error::invalid(&Path::root(""), Value::Null, why)])
}

struct Judge {
    meter: Arc<Meter>,
    errors: Errors,
    /// Nothing is left to pay further rules with.
    has_ended: bool,
}

impl Judge {
    /// Looks at a value and what is in it.
    fn look(&mut self, shape: &Shape, path: &str, value: &Value, old: Option<&Value>) {
        if !shape.is_ruled || value.is_null() {
            return;
        }
        if !shape.rules.is_empty() {
            self.judge(shape, path, value, old);
        }
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let path = match shape.properties.contains_key(key.as_str()) {
                        true => child(path, key),
                        false => format!("{path}[{key}]"),
                    };
                    if let Some(field) = shape.field(key) {
                        self.look(field, &path, value, old.and_then(|old| old.get(key)));
                    }
                }
            }
            Value::Array(items) => self.look_at_items(shape, path, items, old),
            _ => {}
        }
    }

    fn look_at_items(&mut self, shape: &Shape, path: &str, items: &[Value], old: Option<&Value>) {
        let Some(each) = &shape.items else {
            return;
        };
        let old = known_items(&shape.list, old);
        for (index, item) in items.iter().enumerate() {
            let old = identity(&shape.list, item).and_then(|id| old.get(&id).copied());
            self.look(each, &format!("{path}[{index}]"), item, old);
        }
    }

    /// Judges a value by the rules at its place.
    fn judge(&mut self, shape: &Shape, path: &str, value: &Value, old: Option<&Value>) {
        let weight = (size(value) + old.map_or(0, size)) / 10;
        let own = values::to_cel(shape, value);
        let before = old.map(|old| values::to_cel(shape, old));
        let optional = shape.rules.iter().any(Rule::may_lack_old).then(|| {
            let old = to_optional(before.clone());
            Evaluation::of_rules(&self.meter, own.clone(), old, weight)
        });
        let old_value = before.unwrap_or_else(|| policies::to_cel(&Value::Null));
        let plain = Evaluation::of_rules(&self.meter, own, old_value, weight);
        for rule in &shape.rules {
            if self.has_ended {
                return;
            }
            if !rule.is_about(value, old) {
                continue;
            }
            let optional = optional.as_ref().filter(|_| rule.may_lack_old());
            let evaluation = optional.unwrap_or(&plain);
            let shown = shape.type_name.as_deref().unwrap_or_default();
            let broken = rule.broken(evaluation, &self.meter, path, shown);
            self.has_ended = self.meter.is_spent();
            self.errors.extend(broken);
        }
    }
}
