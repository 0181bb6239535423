//! What policies have in common, those that refuse and those that change objects.

use serde_json::Value;

use super::conditions::{self, check_expression};
use super::{FAILURE_POLICIES, check_matching, default_matching, rules};
use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::defaults::{default_to, existing};
use crate::policies::{Names, Variable};

/// Fills in what the spec of a policy leaves out.
pub(super) fn default(spec: &mut Value) {
    default_to(spec, "failurePolicy", "Fail");
    if let Some(matching) = existing(spec, "matchConstraints") {
        default_constraints(matching);
    }
}

/// Fills in what MatchResources leave out.
pub(super) fn default_constraints(matching: &mut Value) {
    default_matching(matching);
    rules::default(matching, "resourceRules");
    rules::default(matching, "excludeResourceRules");
}

/// What is wrong with what it matches, and when; `names` are those of its conditions.
pub(super) fn check(spec: &Field<'_>, names: Names<'_>, errors: &mut Errors) {
    checks::one_of_if_set(&spec.get("failurePolicy"), &FAILURE_POLICIES, errors);
    check_param_kind(&spec.get("paramKind"), errors);
    let matching = spec.get("matchConstraints");
    if matching.is_set() {
        checks::required(&matching.get("resourceRules"), errors);
        check_constraints(&matching, errors);
    } else {
        errors.push(matching.required(""));
    }
    conditions::check(&spec.get("matchConditions"), names, errors);
}

/// What is wrong with MatchResources.
pub(super) fn check_constraints(matching: &Field<'_>, errors: &mut Errors) {
    check_matching(matching, errors);
    for list in ["resourceRules", "excludeResourceRules"] {
        for rule in matching.get(list).items() {
            rules::check(&rule, errors);
        }
    }
}

fn check_param_kind(kind: &Field<'_>, errors: &mut Errors) {
    if kind.is_set() {
        checks::required(&kind.get("apiVersion"), errors);
        checks::required(&kind.get("kind"), errors);
    }
}

/// What is wrong with variables; answers with those that are sound, for the expressions that name them.
pub(super) fn check_variables(
    variables: &Field<'_>,
    names: Names<'_>,
    errors: &mut Errors,
) -> Vec<Variable> {
    let mut seen = Seen::new();
    let mut sound = Vec::new();
    for variable in variables.items() {
        let (name, expression) = (variable.get("name"), variable.get("expression"));
        checks::required(&name, errors);
        if !name.is_empty() {
            if !is_identifier(name.str()) {
                errors.push(name.invalid("name is not a valid CEL identifier"));
            }
            seen.add(name.str(), &name, errors);
        }
        match Variable::compile(name.str(), expression.str(), &sound, names) {
            Ok(variable) => sound.push(variable),
            Err(_) if expression.str().trim().is_empty() => checks::required(&expression, errors),
            Err(words) => errors.push(expression.invalid(words)),
        }
    }
    sound
}

/// What is wrong with the only expression of a field, such as `jsonPatch`.
pub(super) fn check_only(field: &Field<'_>, names: Names<'_>, errors: &mut Errors) {
    check_expression(&field.get("expression"), names, errors);
}

fn is_identifier(name: &str) -> bool {
    let begins = |char: char| char.is_ascii_alphabetic() || char == '_';
    name.starts_with(begins)
        && name
            .chars()
            .all(|char| begins(char) || char.is_ascii_digit())
}

/// The kind of parameters, as a list shows it.
pub(super) fn param_kind(policy: &Value) -> String {
    let kind = &policy["spec"]["paramKind"];
    let text = |field: &str| kind[field].as_str().unwrap_or_default();
    match kind {
        Value::Null => "<unset>".to_owned(),
        _ => format!("{}/{}", text("apiVersion"), text("kind")),
    }
}
