//! What a Role and a ClusterRole may say.

use jiff::Timestamp;
use serde_json::Value;

use super::checks;
use crate::field::{Errors, Path};
use crate::kinds::common::cells::text;
use crate::kinds::common::{Field, cells};
use crate::{Column, Strategy};

pub(super) const NAMESPACED: Role = Role { namespaced: true };
pub(super) const CLUSTER: Role = Role { namespaced: false };

/// A role of a namespace or of the cluster.
pub(super) struct Role {
    namespaced: bool,
}

impl Strategy for Role {
    fn validate(&self, role: &Value) -> Errors {
        let mut errors = Errors::new();
        let role = Field::root(role);
        for rule in role.get("rules").items() {
            self.rule(&rule, &mut errors);
        }
        let selectors = role.get("aggregationRule").get("clusterRoleSelectors");
        if role.get("aggregationRule").is_set() && selectors.is_empty() {
            errors.push(selectors.required(
                "at least one clusterRoleSelector required if aggregationRule is non-nil",
            ));
        }
        for selector in selectors.items() {
            checks::label_selector(&selector, &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![cells::name_column(), Column::new("Created At", "date")]
    }

    fn cells(&self, role: &Value, _: Timestamp) -> Vec<Value> {
        let created = text(role, "/metadata/creationTimestamp");
        vec![cells::name(role), created.into()]
    }

    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        super::validate_name(name, path)
    }
}

impl Role {
    fn rule(&self, rule: &Field<'_>, errors: &mut Errors) {
        let (verbs, urls) = (rule.get("verbs"), rule.get("nonResourceURLs"));
        let (groups, resources) = (rule.get("apiGroups"), rule.get("resources"));
        let names = rule.get("resourceNames");
        if verbs.is_empty() {
            errors.push(verbs.required("verbs must contain at least one value"));
        }
        if !urls.is_empty() {
            if self.namespaced {
                errors.push(urls.invalid("namespaced rules cannot apply to non-resource URLs"));
            }
            if !(groups.is_empty() && resources.is_empty() && names.is_empty()) {
                let words = "rules cannot apply to both regular resources and non-resource URLs";
                errors.push(urls.invalid(words));
            }
            return;
        }
        if groups.is_empty() {
            errors.push(groups.required("resource rules must supply at least one api group"));
        }
        if resources.is_empty() {
            errors.push(resources.required("resource rules must supply at least one resource"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    #[test]
    fn what_users_get_wrong() {
        let of = |rule: Value| json!({"rules": [rule]});
        let paths = json!({"verbs": ["get"], "nonResourceURLs": ["/metrics"]});
        let cases = [
            (CLUSTER, of(paths.clone()), vec![]),
            (
                NAMESPACED,
                of(paths),
                vec![
                    "rules[0].nonResourceURLs: Invalid value: [\"/metrics\"]: namespaced rules cannot apply to non-resource URLs",
                ],
            ),
            (
                CLUSTER,
                of(json!({})),
                vec![
                    "rules[0].verbs: Required value: verbs must contain at least one value",
                    "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                    "rules[0].resources: Required value: resource rules must supply at least one resource",
                ],
            ),
            (
                CLUSTER,
                json!({"aggregationRule": {}}),
                vec![
                    "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
                ],
            ),
        ];
        for (role, object, expected) in cases {
            assert_eq!(create_errors(&role, &object), expected, "{object}");
        }
    }

    #[test]
    fn a_role_in_the_list() {
        let created = "2026-01-01T00:00:00Z";
        let role = json!({"metadata": {"name": "reader", "creationTimestamp": created}});
        let row = [("Name", json!("reader")), ("Created At", json!(created))];
        assert_row(&NAMESPACED, &role, &row);
    }
}
