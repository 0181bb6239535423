//! Which rules an aggregated role has.

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::ResourceExt;

use crate::selection::Selection;

/// The rules that the role is to have, those of the roles that it selects in the order of their names; `None` if it
/// has them, or is not aggregated.
pub(super) fn rules(role: &ClusterRole, all: &[Arc<ClusterRole>]) -> Option<Vec<PolicyRule>> {
    let selectors = role
        .aggregation_rule
        .as_ref()?
        .cluster_role_selectors
        .as_deref();
    let selections: Vec<Selection> = selectors
        .unwrap_or_default()
        .iter()
        .map(Selection::of)
        .collect();
    let mut parts: Vec<&Arc<ClusterRole>> = all
        .iter()
        .filter(|part| part.name_any() != role.name_any())
        .filter(|part| {
            let labels = part.metadata.labels.as_ref();
            selections.iter().any(|selection| selection.matches(labels))
        })
        .collect();
    parts.sort_by_key(|part| part.name_any());
    let mut wanted: Vec<PolicyRule> = Vec::new();
    for rule in parts.iter().flat_map(|part| part.rules.iter().flatten()) {
        if !wanted.contains(rule) {
            wanted.push(rule.clone());
        }
    }
    (role.rules.as_deref().unwrap_or_default() != wanted).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn role(name: &str, labels: Value, verbs: &[&str]) -> Arc<ClusterRole> {
        let rules = verbs.iter().map(|verb| json!({"verbs": [verb]}));
        let role = json!({"metadata": {"name": name, "labels": labels}, "rules": rules.collect::<Vec<_>>()});
        Arc::new(serde_json::from_value(role).unwrap())
    }

    #[test]
    fn a_role_has_the_rules_of_those_that_it_selects() {
        let mut view = (*role("view", json!({}), &["old"])).clone();
        view.aggregation_rule = serde_json::from_value(json!({
            "clusterRoleSelectors": [{"matchLabels": {"to-view": "true"}}],
        }))
        .unwrap();
        let all = [
            role("b", json!({"to-view": "true"}), &["list", "get"]),
            role("a", json!({"to-view": "true"}), &["get"]),
            role("c", json!({"to-view": "false"}), &["delete"]),
        ];
        let wanted = rules(&view, &all).unwrap();
        let verbs: Vec<&str> = wanted.iter().map(|rule| rule.verbs[0].as_str()).collect();
        assert_eq!(verbs, ["get", "list"]);
        view.rules = Some(wanted);
        assert_eq!(rules(&view, &all), None);
        assert_eq!(rules(&all[0], &all), None);
    }
}
