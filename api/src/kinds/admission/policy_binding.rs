//! ValidatingAdmissionPolicyBindings and MutatingAdmissionPolicyBindings: where a policy holds, with which parameters, and
//! what follows from it.

use jiff::Timestamp;
use serde_json::Value;

use super::policy_spec::{check_constraints, default_constraints};
use crate::field::{Error, Errors};
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::defaults::existing;
use crate::kinds::common::{Field, cells, describe};
use crate::{Column, Descriptor, Strategy, names};

const ACTIONS: [&str; 3] = ["Audit", "Deny", "Warn"];
const PARAMETER_NOT_FOUND: [&str; 2] = ["Allow", "Deny"];

pub(in crate::kinds) fn validating() -> Descriptor {
    describe::cluster(
        describe::ADMISSION,
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        PolicyBinding { mutating: false },
    )
}

pub(in crate::kinds) fn mutating() -> Descriptor {
    describe::cluster(
        describe::ADMISSION,
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        PolicyBinding { mutating: true },
    )
}

struct PolicyBinding {
    mutating: bool,
}

impl Strategy for PolicyBinding {
    fn default(&self, binding: &mut Value) {
        let spec = existing(binding, "spec");
        if let Some(matching) = spec.and_then(|spec| existing(spec, "matchResources")) {
            default_constraints(matching);
        }
    }

    fn prepare_create(&self, binding: &mut Value) {
        if let Some(metadata) = existing(binding, "metadata") {
            metadata["generation"] = 1.into();
        }
    }

    fn validate(&self, binding: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(binding).get("spec");
        let policy = spec.get("policyName");
        checks::required_name(&policy, names::dns_subdomain, &mut errors);
        check_parameters(&spec.get("paramRef"), &mut errors);
        if spec.get("matchResources").is_set() {
            check_constraints(&spec.get("matchResources"), &mut errors);
        }
        if !self.mutating {
            check_actions(&spec.get("validationActions"), &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("PolicyName", "string"),
            Column::new("ParamRef", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, binding: &Value, now: Timestamp) -> Vec<Value> {
        let reference = &binding["spec"]["paramRef"];
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let shown = match (text("namespace"), text("name")) {
            _ if reference.is_null() => "<unset>".to_owned(),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        };
        vec![
            cells::name(binding),
            cells::text(binding, "/spec/policyName").into(),
            shown.into(),
            cells::age(binding, now),
        ]
    }
}

/// Parameters are named, or chosen by labels; and it is said what follows when there are none.
fn check_parameters(reference: &Field<'_>, errors: &mut Errors) {
    if !reference.is_set() {
        return;
    }
    let (name, selector) = (reference.get("name"), reference.get("selector"));
    match (name.is_empty(), selector.is_set()) {
        (true, false) => {
            errors.push(reference.required("one of name or selector must be specified"));
        }
        (false, true) => errors.push(name.forbidden("name and selector are mutually exclusive")),
        _ => {}
    }
    checks::label_selector(&selector, errors);
    let action = reference.get("parameterNotFoundAction");
    checks::one_of(&action, &PARAMETER_NOT_FOUND, errors);
}

fn check_actions(actions: &Field<'_>, errors: &mut Errors) {
    checks::required(actions, errors);
    let mut seen = Seen::new();
    for action in actions.items() {
        checks::one_of(&action, &ACTIONS, errors);
        seen.add(action.str(), &action, errors);
    }
    let has = |wanted: &str| actions.items().any(|action| action.str() == wanted);
    if has("Deny") && has("Warn") {
        let words = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        errors.push(Error::invalid(
            actions.path(),
            actions.value().clone(),
            words,
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    const VALIDATING: PolicyBinding = PolicyBinding { mutating: false };
    const MUTATING: PolicyBinding = PolicyBinding { mutating: true };

    fn binding(spec: Value) -> Value {
        json!({"metadata": {"name": "b", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
    }

    #[test]
    fn bindings_name_a_policy_and_what_follows() {
        let sound = binding(json!({
            "policyName": "few-replicas",
            "validationActions": ["Deny", "Audit"],
            "paramRef": {"name": "limits", "namespace": "default", "parameterNotFoundAction": "Deny"},
        }));
        assert_eq!(create_errors(&VALIDATING, &sound), [""; 0]);
        let row = [
            ("Name", json!("b")),
            ("PolicyName", json!("few-replicas")),
            ("ParamRef", json!("default/limits")),
            ("Age", json!("5m")),
        ];
        assert_row(&VALIDATING, &sound, &row);
        let unsound = binding(json!({"validationActions": ["Audit", "Audit"], "paramRef": {}}));
        assert_eq!(
            create_errors(&VALIDATING, &unsound),
            [
                "spec.policyName: Required value",
                "spec.paramRef: Required value: one of name or selector must be specified",
                "spec.paramRef.parameterNotFoundAction: Required value",
                "spec.validationActions[1]: Duplicate value: \"Audit\"",
            ]
        );
    }

    #[test]
    fn one_that_changes_objects_says_nothing_of_what_follows() {
        let sound = binding(json!({"policyName": "label"}));
        assert_eq!(create_errors(&MUTATING, &sound), [""; 0]);
    }
}
