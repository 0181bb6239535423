//! One rule of RBAC: what it allows, and whether rules cover others.

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::{Attributes, ResourceAttributes};

/// Whether the rule allows that.
pub(super) fn allows(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    match attributes {
        Attributes::Resource(wanted) => allows_resource(rule, wanted),
        Attributes::Path { verb, path } => {
            has(&rule.verbs, verb)
                && list(&rule.non_resource_urls)
                    .iter()
                    .any(|pattern| is_path(pattern, path))
        }
    }
}

fn allows_resource(rule: &PolicyRule, wanted: &ResourceAttributes<'_>) -> bool {
    let names = list(&rule.resource_names);
    has(&rule.verbs, wanted.verb)
        && has(list(&rule.api_groups), wanted.group)
        && list(&rule.resources)
            .iter()
            .any(|known| is_resource(known, wanted.resource, wanted.subresource))
        && (names.is_empty() || names.iter().any(|known| known == wanted.name))
}

fn list(list: &Option<Vec<String>>) -> &[String] {
    list.as_deref().unwrap_or_default()
}

fn has(allowed: &[String], wanted: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == wanted)
}

/// `*` is everything, `*/scale` that subresource of everything.
fn is_resource(known: &str, resource: &str, subresource: &str) -> bool {
    if known == "*" {
        return true;
    }
    match known.split_once('/') {
        Some((of, sub)) => {
            !subresource.is_empty() && sub == subresource && (of == "*" || of == resource)
        }
        None => subresource.is_empty() && known == resource,
    }
}

fn is_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

/// What of the wanted rules those of the owner do not cover, as people read it, one line a right:
/// `{APIGroups:["apps"], Resources:["deployments"], Verbs:["create" "delete"]}`.
pub(super) fn missing(owner: &[PolicyRule], wanted: &[PolicyRule]) -> Vec<String> {
    let mut left: Vec<PolicyRule> = Vec::new();
    for right in wanted.iter().flat_map(rights) {
        if owner.iter().any(|rule| covers(rule, &right)) {
            continue;
        }
        // Rights to one thing stand together.
        let same = |known: &&mut PolicyRule| {
            let mut known = PolicyRule::clone(known);
            known.verbs.clone_from(&right.verbs);
            known == right
        };
        match left.iter_mut().find(same) {
            Some(known) if known.non_resource_urls.is_none() => known.verbs.extend(right.verbs),
            _ => left.push(right),
        }
    }
    let mut words: Vec<String> = left.iter().map(words).collect();
    words.sort();
    words.dedup();
    words
}

/// The single rights of a rule: one verb, one group, one resource, one name each.
fn rights(rule: &PolicyRule) -> Vec<PolicyRule> {
    let names: Vec<Option<Vec<String>>> = match list(&rule.resource_names) {
        [] => vec![None],
        names => names.iter().map(|name| Some(vec![name.clone()])).collect(),
    };
    let mut rights = Vec::new();
    for verb in &rule.verbs {
        for url in list(&rule.non_resource_urls) {
            rights.push(PolicyRule {
                verbs: vec![verb.clone()],
                non_resource_urls: Some(vec![url.clone()]),
                ..PolicyRule::default()
            });
        }
    }
    for group in list(&rule.api_groups) {
        for resource in list(&rule.resources) {
            for verb in &rule.verbs {
                rights.extend(names.iter().map(|names| PolicyRule {
                    verbs: vec![verb.clone()],
                    api_groups: Some(vec![group.clone()]),
                    resources: Some(vec![resource.clone()]),
                    resource_names: names.clone(),
                    non_resource_urls: None,
                }));
            }
        }
    }
    rights
}

/// Whether a rule gives a single right.
fn covers(rule: &PolicyRule, right: &PolicyRule) -> bool {
    let verb = right.verbs.first().map_or("", String::as_str);
    if let [url] = list(&right.non_resource_urls) {
        let mut known = list(&rule.non_resource_urls).iter();
        return has(&rule.verbs, verb)
            && known.any(|known| known == url || covers_path(known, url));
    }
    let first = |of: &Option<Vec<String>>| list(of).first().cloned().unwrap_or_default();
    let (group, resource) = (first(&right.api_groups), first(&right.resources));
    let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
    let wanted = ResourceAttributes {
        verb,
        group: &group,
        resource,
        subresource,
        namespace: "",
        name: &first(&right.resource_names),
    };
    allows_resource(rule, &wanted)
        && (list(&rule.resource_names).is_empty() || right.resource_names.is_some())
}

fn covers_path(known: &str, wanted: &str) -> bool {
    known.strip_suffix('*').is_some_and(|prefix| {
        wanted
            .strip_suffix('*')
            .unwrap_or(wanted)
            .starts_with(prefix)
    })
}

fn words(rule: &PolicyRule) -> String {
    let parts = [
        ("APIGroups", list(&rule.api_groups)),
        ("Resources", list(&rule.resources)),
        ("NonResourceURLs", list(&rule.non_resource_urls)),
        ("ResourceNames", list(&rule.resource_names)),
        ("Verbs", &rule.verbs),
    ];
    let parts = parts.iter().filter(|(_, values)| !values.is_empty());
    let parts = parts.map(|(name, values)| format!("{name}:{}", quoted(values)));
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

/// `["a" "b"]`
pub(super) fn quoted(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules(rules: Value) -> Vec<PolicyRule> {
        serde_json::from_value(rules).unwrap()
    }

    #[test]
    fn subresources_are_resources_of_their_own() {
        let cases = [
            ("pods", "pods", "", true),
            ("pods", "pods", "log", false),
            ("pods/log", "pods", "log", true),
            ("pods/log", "pods", "", false),
            ("*/scale", "deployments", "scale", true),
            ("*/scale", "deployments", "", false),
            ("*", "pods", "log", true),
        ];
        for (known, resource, subresource, expected) in cases {
            let found = is_resource(known, resource, subresource);
            assert_eq!(found, expected, "{known} {resource}/{subresource}");
        }
    }

    #[test]
    fn what_is_not_held_is_named() {
        let owner = rules(json!([
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]},
            {"verbs": ["*"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"]},
            {"verbs": ["get"], "nonResourceURLs": ["/metrics/*"]},
        ]));
        let cases = [
            (
                json!([{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]),
                vec![],
            ),
            (
                json!([{"verbs": ["get", "create", "delete"], "apiGroups": [""], "resources": ["pods"]}]),
                vec![r#"{APIGroups:[""], Resources:["pods"], Verbs:["create" "delete"]}"#],
            ),
            (
                json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine", "yours"]}]),
                vec![
                    r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["yours"], Verbs:["get"]}"#,
                ],
            ),
            (
                json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}]),
                vec![r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#],
            ),
            (
                json!([{"verbs": ["get"], "nonResourceURLs": ["/metrics/slis", "/livez"]}]),
                vec![r#"{NonResourceURLs:["/livez"], Verbs:["get"]}"#],
            ),
        ];
        for (wanted, expected) in cases {
            assert_eq!(
                missing(&owner, &rules(wanted.clone())),
                expected,
                "{wanted}"
            );
        }
    }
}
