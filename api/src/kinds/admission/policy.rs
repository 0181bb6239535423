//! ValidatingAdmissionPolicies: rules in CEL that a binding puts into force
//! (<https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>).

use jiff::Timestamp;
use serde_json::Value;

use super::{FAILURE_POLICIES, check_matching, conditions, default_matching, rules};
use crate::field::{Error, Errors};
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::defaults::{default_to, existing};
use crate::kinds::common::{Field, cells, describe};
use crate::{Column, Descriptor, Strategy};

/// What a refusal may say of itself.
const REASONS: [&str; 4] = [
    "Forbidden",
    "Invalid",
    "RequestEntityTooLarge",
    "Unauthorized",
];

pub(in crate::kinds) fn descriptor() -> Descriptor {
    Descriptor {
        subresources: describe::status(),
        ..describe::cluster(
            describe::ADMISSION,
            "ValidatingAdmissionPolicy",
            "validatingadmissionpolicies",
            ValidatingAdmissionPolicy,
        )
    }
}

struct ValidatingAdmissionPolicy;

impl Strategy for ValidatingAdmissionPolicy {
    fn default(&self, policy: &mut Value) {
        let Some(spec) = existing(policy, "spec") else {
            return;
        };
        default_to(spec, "failurePolicy", "Fail");
        if let Some(matching) = existing(spec, "matchConstraints") {
            default_constraints(matching);
        }
    }

    fn validate(&self, policy: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(policy).get("spec");
        checks::one_of_if_set(&spec.get("failurePolicy"), &FAILURE_POLICIES, &mut errors);
        check_param_kind(&spec.get("paramKind"), &mut errors);
        let matching = spec.get("matchConstraints");
        if matching.is_set() {
            checks::required(&matching.get("resourceRules"), &mut errors);
            check_constraints(&matching, &mut errors);
        } else {
            errors.push(matching.required(""));
        }
        conditions::check(&spec.get("matchConditions"), &mut errors);
        check_variables(&spec.get("variables"), &mut errors);
        let (validations, annotations) = (spec.get("validations"), spec.get("auditAnnotations"));
        if validations.is_empty() && annotations.is_empty() {
            let words = "validations or auditAnnotations must be specified";
            errors.push(validations.required(&format!("{words}, but both are empty")));
        }
        for validation in validations.items() {
            check_validation(&validation, &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Validations", "integer"),
            Column::new("ParamKind", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, policy: &Value, now: Timestamp) -> Vec<Value> {
        let kind = &policy["spec"]["paramKind"];
        let text = |field: &str| kind[field].as_str().unwrap_or_default();
        let param = match kind {
            Value::Null => "<unset>".to_owned(),
            _ => format!("{}/{}", text("apiVersion"), text("kind")),
        };
        vec![
            cells::name(policy),
            cells::items(policy, "/spec/validations").len().into(),
            param.into(),
            cells::age(policy, now),
        ]
    }
}

/// Fills in what MatchResources leave out.
pub(super) fn default_constraints(matching: &mut Value) {
    default_matching(matching);
    rules::default(matching, "resourceRules");
    rules::default(matching, "excludeResourceRules");
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

fn check_variables(variables: &Field<'_>, errors: &mut Errors) {
    let mut seen = Seen::new();
    for variable in variables.items() {
        let name = variable.get("name");
        checks::required(&name, errors);
        if !name.is_empty() {
            let mut chars = name.str().chars();
            let begins = chars
                .next()
                .is_some_and(|char| char.is_ascii_alphabetic() || char == '_');
            if !begins || !chars.all(|char| char.is_ascii_alphanumeric() || char == '_') {
                errors.push(name.invalid("name is not a valid CEL identifier"));
            }
            seen.add(name.str(), &name, errors);
        }
        checks::required(&variable.get("expression"), errors);
    }
}

fn check_validation(validation: &Field<'_>, errors: &mut Errors) {
    let expression = validation.get("expression");
    if expression.str().trim().is_empty() {
        errors.push(expression.required("expression is not specified"));
    }
    let message = validation.get("message");
    if !message.is_empty() {
        if message.str().trim().is_empty() {
            let words = "message must be non-empty if specified";
            errors.push(message.invalid(words));
        } else if message.str().contains('\n') {
            errors.push(message.invalid("message must not contain line breaks"));
        }
    }
    if expression.str().trim().contains('\n') && message.is_empty() {
        let words = "message must be specified if expression contains line breaks";
        errors.push(Error::required(message.path(), words));
    }
    checks::one_of_if_set(&validation.get("reason"), &REASONS, errors);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn policy() -> Value {
        json!({
            "metadata": {"name": "few-replicas", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"],
                }]},
                "validations": [{"expression": "object.spec.replicas <= 5"}],
            },
        })
    }

    #[test]
    fn a_policy_with_its_defaults() {
        let made = created(&ValidatingAdmissionPolicy, &policy());
        let spec = &made["spec"];
        assert_eq!(spec["failurePolicy"], "Fail");
        assert_eq!(spec["matchConstraints"]["matchPolicy"], "Equivalent");
        assert_eq!(spec["matchConstraints"]["resourceRules"][0]["scope"], "*");
        assert_eq!(
            create_errors(&ValidatingAdmissionPolicy, &policy()),
            [""; 0]
        );
        let row = [
            ("Name", json!("few-replicas")),
            ("Validations", json!(1)),
            ("ParamKind", json!("<unset>")),
            ("Age", json!("5m")),
        ];
        assert_row(&ValidatingAdmissionPolicy, &policy(), &row);
    }

    #[test]
    fn what_is_missing_is_named() {
        let bare = json!({"spec": {"matchConstraints": {}, "variables": [{"name": "a-b", "expression": ""}]}});
        assert_eq!(
            create_errors(&ValidatingAdmissionPolicy, &bare),
            [
                "spec.matchConstraints.resourceRules: Required value",
                "spec.variables[0].name: Invalid value: \"a-b\": name is not a valid CEL identifier",
                "spec.variables[0].expression: Required value",
                "spec.validations: Required value: validations or auditAnnotations must be specified, but both are empty",
            ]
        );
        let mut unsound = policy();
        unsound["spec"]["validations"][0] = json!({"expression": " ", "reason": "Because"});
        assert_eq!(
            create_errors(&ValidatingAdmissionPolicy, &unsound),
            [
                "spec.validations[0].expression: Required value: expression is not specified",
                "spec.validations[0].reason: Unsupported value: \"Because\": supported values: \
                 \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\", \"Unauthorized\"",
            ]
        );
    }
}
