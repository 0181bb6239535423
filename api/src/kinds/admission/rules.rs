//! Rules: which requests a webhook or a policy is about (admissionregistration.k8s.io/v1 RuleWithOperations).

use std::collections::HashSet;

use serde_json::Value;

use crate::field::Errors;
use crate::kinds::common::defaults::{default_to, each};
use crate::kinds::common::{Field, checks};

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];

/// Fills in the scope of the rules in a list.
pub(super) fn default(owner: &mut Value, list: &str) {
    for rule in each(owner, list) {
        default_to(rule, "scope", "*");
    }
}

/// What is wrong with a rule.
pub(super) fn check(rule: &Field<'_>, errors: &mut Errors) {
    let operations = rule.get("operations");
    check_list(&operations, "operations", errors);
    for operation in operations.items() {
        if !OPERATIONS.contains(&operation.str()) {
            errors.push(operation.not_supported(&OPERATIONS));
        }
    }
    check_list(&rule.get("apiGroups"), "API groups", errors);
    let versions = rule.get("apiVersions");
    check_list(&versions, "API versions", errors);
    for version in versions.items() {
        checks::required(&version, errors);
    }
    check_resources(&rule.get("resources"), errors);
    checks::one_of_if_set(&rule.get("scope"), &SCOPES, errors);
}

/// A list that is not empty, in which `*` stands alone.
fn check_list(list: &Field<'_>, what: &str, errors: &mut Errors) {
    checks::required(list, errors);
    if list.len() > 1 && list.items().any(|item| item.str() == "*") {
        errors.push(list.invalid(format!("if '*' is present, must not specify other {what}")));
    }
}

/// Resources and subresources, in which nothing is said twice: `pods`, `pods/log`, `pods/*`, `*/scale`, `*`, `*/*`.
fn check_resources(resources: &Field<'_>, errors: &mut Errors) {
    checks::required(resources, errors);
    let (mut of_resource, mut of_subresource) = (HashSet::new(), HashSet::new());
    for item in resources.items() {
        checks::required(&item, errors);
        let Some((resource, subresource)) = item.str().split_once('/') else {
            continue;
        };
        let both = item.str();
        if of_resource.contains(resource) {
            errors.push(item.invalid(format!(
                "if '{resource}/*' is present, must not specify {both}"
            )));
        }
        if of_subresource.contains(subresource) {
            errors.push(item.invalid(format!(
                "if '*/{subresource}' is present, must not specify {both}"
            )));
        }
        if subresource == "*" {
            of_resource.insert(resource);
        }
        if resource == "*" {
            of_subresource.insert(subresource);
        }
    }
    let has = |wanted: &str| resources.items().any(|item| item.str() == wanted);
    if resources.len() > 1 && has("*/*") {
        errors.push(resources.invalid("if '*/*' is present, must not specify other resources"));
    }
    let mut items = resources.items();
    if has("*") && items.any(|item| item.str() != "*" && !item.str().contains('/')) {
        errors.push(
            resources.invalid(
                "if '*' is present, must not specify other resources without subresources",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::wrong;

    fn rule(resources: Value) -> Value {
        json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": resources})
    }

    #[test]
    fn a_rule_says_each_thing_once() {
        for sound in [
            json!(["pods"]),
            json!(["*"]),
            json!(["*/*"]),
            json!(["*", "pods/log"]),
            json!(["*", "*/scale"]),
            json!(["pods/*", "nodes"]),
        ] {
            assert_eq!(wrong(rule(sound), check), [""; 0]);
        }
        let cases = [
            (json!([]), "x.resources: Required value"),
            (json!([""]), "x.resources[0]: Required value"),
            (
                json!(["*", "pods"]),
                "x.resources: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other resources without subresources",
            ),
            (
                json!(["pods/*", "pods/log"]),
                "x.resources[1]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log",
            ),
            (
                json!(["*/scale", "apps/scale"]),
                "x.resources[1]: Invalid value: \"apps/scale\": if '*/scale' is present, must not specify apps/scale",
            ),
            (
                json!(["*/*", "pods"]),
                "x.resources: Invalid value: [\"*/*\",\"pods\"]: if '*/*' is present, must not specify other resources",
            ),
        ];
        for (resources, words) in cases {
            assert_eq!(wrong(rule(resources), check), [words]);
        }
    }

    #[test]
    fn operations_groups_versions_and_scope() {
        let mut unsound = rule(json!(["pods"]));
        unsound["operations"] = json!(["CREATE", "READ", "*"]);
        unsound["apiGroups"] = json!(["*", "apps"]);
        unsound["apiVersions"] = json!([""]);
        unsound["scope"] = json!("World");
        assert_eq!(
            wrong(unsound, check),
            [
                "x.operations: Invalid value: [\"CREATE\",\"READ\",\"*\"]: if '*' is present, must not specify other operations",
                "x.operations[1]: Unsupported value: \"READ\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", \"UPDATE\"",
                "x.apiGroups: Invalid value: [\"*\",\"apps\"]: if '*' is present, must not specify other API groups",
                "x.apiVersions[0]: Required value",
                "x.scope: Unsupported value: \"World\": supported values: \"*\", \"Cluster\", \"Namespaced\"",
            ]
        );
    }
}
