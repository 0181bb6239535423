//! ValidatingAdmissionPolicies: rules in CEL that a binding puts into force
//! (<https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>).

use jiff::Timestamp;
use serde_json::Value;

use super::conditions::check_expression;
use super::policy_spec;
use crate::field::{Error, Errors};
use crate::kinds::common::defaults::existing;
use crate::kinds::common::{Field, cells, checks, describe};
use crate::policies::Names;
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
        policy_spec::default(spec);
    }

    fn validate(&self, policy: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(policy).get("spec");
        let names = Names::of_policy(spec.value());
        policy_spec::check(&spec, names, &mut errors);
        let variables = policy_spec::check_variables(&spec.get("variables"), names, &mut errors);
        let names = Names {
            variables: Some(&variables),
            ..names
        };
        let (validations, annotations) = (spec.get("validations"), spec.get("auditAnnotations"));
        if validations.is_empty() && annotations.is_empty() {
            let words = "validations or auditAnnotations must be specified";
            errors.push(validations.required(&format!("{words}, but both are empty")));
        }
        for validation in validations.items() {
            check_validation(&validation, names, &mut errors);
        }
        for annotation in annotations.items() {
            check_expression(&annotation.get("valueExpression"), names, &mut errors);
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
        vec![
            cells::name(policy),
            cells::items(policy, "/spec/validations").len().into(),
            policy_spec::param_kind(policy).into(),
            cells::age(policy, now),
        ]
    }
}

fn check_validation(validation: &Field<'_>, names: Names<'_>, errors: &mut Errors) {
    let expression = validation.get("expression");
    if expression.str().trim().is_empty() {
        errors.push(expression.required("expression is not specified"));
    } else {
        check_expression(&expression, names, errors);
    }
    if !validation.get("messageExpression").is_empty() {
        check_expression(&validation.get("messageExpression"), names, errors);
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
