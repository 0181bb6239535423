//! MutatingAdmissionPolicies: changes in CEL that a binding puts into force
//! (<https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/>).

use jiff::Timestamp;
use serde_json::Value;

use super::{REINVOCATION_POLICIES, policy_spec};
use crate::field::Errors;
use crate::kinds::common::defaults::existing;
use crate::kinds::common::{Field, cells, checks, describe};
use crate::policies::Names;
use crate::{Column, Descriptor, Strategy};

/// How a mutation says what it changes.
const PATCH_TYPES: [&str; 2] = ["ApplyConfiguration", "JSONPatch"];

pub(in crate::kinds) fn descriptor() -> Descriptor {
    describe::cluster(
        describe::ADMISSION,
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        MutatingAdmissionPolicy,
    )
}

struct MutatingAdmissionPolicy;

impl Strategy for MutatingAdmissionPolicy {
    fn default(&self, policy: &mut Value) {
        if let Some(spec) = existing(policy, "spec") {
            policy_spec::default(spec);
        }
    }

    fn prepare_create(&self, policy: &mut Value) {
        if let Some(metadata) = existing(policy, "metadata") {
            metadata["generation"] = 1.into();
        }
    }

    fn validate(&self, policy: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(policy).get("spec");
        let names = Names::of_policy(spec.value());
        policy_spec::check(&spec, names, &mut errors);
        let names = Names {
            types: true,
            ..names
        };
        let variables = policy_spec::check_variables(&spec.get("variables"), names, &mut errors);
        let names = Names {
            variables: Some(&variables),
            ..names
        };
        let mutations = spec.get("mutations");
        if mutations.is_empty() {
            errors.push(mutations.required("mutations must contain at least one item"));
        }
        for mutation in mutations.items() {
            check_mutation(&mutation, names, &mut errors);
        }
        let reinvocation = spec.get("reinvocationPolicy");
        checks::one_of(&reinvocation, &REINVOCATION_POLICIES, &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Mutations", "integer"),
            Column::new("ParamKind", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, policy: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(policy),
            cells::items(policy, "/spec/mutations").len().into(),
            policy_spec::param_kind(policy).into(),
            cells::age(policy, now),
        ]
    }
}

/// A mutation has the one field that its type names.
fn check_mutation(mutation: &Field<'_>, names: Names<'_>, errors: &mut Errors) {
    let patch_type = mutation.get("patchType");
    checks::one_of(&patch_type, &PATCH_TYPES, errors);
    for (field, its_type) in [
        ("applyConfiguration", "ApplyConfiguration"),
        ("jsonPatch", "JSONPatch"),
    ] {
        let field = mutation.get(field);
        match (patch_type.str() == its_type, field.is_set()) {
            (true, true) => policy_spec::check_only(&field, names, errors),
            (true, false) => {
                let words = format!("must be specified when patchType is {its_type}");
                errors.push(field.required(&words));
            }
            (false, true) => {
                let words = format!("can only be specified when patchType is {its_type}");
                errors.push(field.forbidden(&words));
            }
            (false, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn policy() -> Value {
        json!({
            "metadata": {"name": "label", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                }]},
                "reinvocationPolicy": "Never",
                "variables": [{"name": "team", "expression": "'a'"}],
                "mutations": [
                    {"patchType": "ApplyConfiguration", "applyConfiguration": {
                        "expression": "Object{metadata: Object.metadata{labels: Object.metadata.labels{team: variables.team}}}",
                    }},
                    {"patchType": "JSONPatch", "jsonPatch": {
                        "expression": "[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]",
                    }},
                ],
            },
        })
    }

    #[test]
    fn a_policy_with_its_defaults() {
        let made = created(&MutatingAdmissionPolicy, &policy());
        assert_eq!(made["spec"]["failurePolicy"], "Fail");
        assert_eq!(made["metadata"]["generation"], 1);
        assert_eq!(create_errors(&MutatingAdmissionPolicy, &policy()), [""; 0]);
        let row = [
            ("Name", json!("label")),
            ("Mutations", json!(2)),
            ("ParamKind", json!("<unset>")),
            ("Age", json!("5m")),
        ];
        assert_row(&MutatingAdmissionPolicy, &policy(), &row);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let mut unsound = policy();
        unsound["spec"]["reinvocationPolicy"] = json!(null);
        unsound["spec"]["mutations"] = json!([
            {"patchType": "JSONPatch", "applyConfiguration": {"expression": "Object{}"}},
            {"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{operation: 'add'}]"}},
        ]);
        assert_eq!(
            create_errors(&MutatingAdmissionPolicy, &unsound),
            [
                "spec.mutations[0].applyConfiguration: Forbidden: can only be specified when patchType is ApplyConfiguration",
                "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch",
                "spec.mutations[1].jsonPatch.expression: Invalid value: \"[JSONPatch{operation: 'add'}]\": compilation failed: \
                 ERROR: <input>:1:12: undefined field 'operation'\n | [JSONPatch{operation: 'add'}]\n | ...........^",
                "spec.reinvocationPolicy: Required value",
            ]
        );
    }
}
