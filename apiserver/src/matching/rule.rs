//! Which requests a rule is about: pure.

use serde::Deserialize;

use super::Attributes;

const ANY: &str = "*";

/// As a configuration or a policy has it (admissionregistration.k8s.io/v1 NamedRuleWithOperations).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    operations: Vec<String>,
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    resources: Vec<String>,
    scope: Option<String>,
    /// Empty for objects of any name.
    resource_names: Vec<String>,
}

impl Rule {
    /// Whether the rule is about a request, if that is about that resource (group, version and plural).
    pub(super) fn matches(
        &self,
        request: &Attributes<'_>,
        [group, version, resource]: [&str; 3],
    ) -> bool {
        has(&self.operations, request.operation.as_str())
            && has(&self.api_groups, group)
            && has(&self.api_versions, version)
            && self.has_resource(resource, request.subresource)
            && self.has_scope(request)
            && self.has_name(request.name)
    }

    fn has_name(&self, name: &str) -> bool {
        let names = &self.resource_names;
        names.is_empty() || names.iter().any(|known| known == name)
    }

    /// `*` is every resource, but no subresource.
    fn has_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|known| {
            let (main, sub) = known.split_once('/').unwrap_or((known, ""));
            (main == ANY || main == resource) && (sub == ANY || sub == subresource)
        })
    }

    /// Namespaces themselves are of the cluster.
    fn has_scope(&self, request: &Attributes<'_>) -> bool {
        let in_namespace = !request.namespace.is_empty() && !request.is_namespace();
        match self.scope.as_deref() {
            Some("Namespaced") => in_namespace,
            Some("Cluster") => !in_namespace,
            _ => true,
        }
    }
}

fn has(known: &[String], wanted: &str) -> bool {
    known.iter().any(|known| known == ANY || known == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use skiff_api::UserInfo;

    use super::*;
    use crate::matching::Operation;

    fn rule(change: Value) -> Rule {
        let mut rule = json!({
            "operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"],
        });
        for (field, value) in change.as_object().unwrap() {
            rule[field] = value.clone();
        }
        serde_json::from_value(rule).unwrap()
    }

    #[test]
    fn a_rule_is_about_what_it_names() {
        let user = UserInfo::default();
        let request = Attributes {
            operation: Operation::Create,
            resource: ["apps", "v1", "deployments"],
            subresource: "",
            kind: ["apps", "v1", "Deployment"],
            seen_in: None,
            namespace: "default",
            name: "web",
            user: &user,
            dry_run: false,
            options: Value::Null,
            warnings: None,
        };
        let status = Attributes {
            subresource: "status",
            ..request.clone()
        };
        let namespace = Attributes {
            resource: ["", "v1", "namespaces"],
            ..request.clone()
        };
        let every = json!({"apiGroups": ["*"], "resources": ["*/*"]});
        let cluster = json!({"apiGroups": ["*"], "resources": ["*"], "scope": "Cluster"});
        let cases = [
            (&request, json!({}), true),
            (&request, json!({"operations": ["*"]}), true),
            (&request, json!({"operations": ["UPDATE"]}), false),
            (&request, json!({"apiGroups": [""]}), false),
            (&request, json!({"apiVersions": ["v2"]}), false),
            (&request, json!({"resources": ["*"]}), true),
            (&request, json!({"resources": ["*/status"]}), false),
            (&request, json!({"resources": ["deployments/*"]}), true),
            (&request, json!({"resourceNames": ["web"]}), true),
            (&request, json!({"resourceNames": ["db"]}), false),
            (&request, json!({"scope": "Namespaced"}), true),
            (&request, json!({"scope": "Cluster"}), false),
            (&request, every.clone(), true),
            (&status, json!({}), false),
            (&status, json!({"resources": ["*"]}), false),
            (&status, json!({"resources": ["*/status"]}), true),
            (&status, json!({"resources": ["deployments/status"]}), true),
            (&status, every, true),
            (&namespace, cluster, true),
        ];
        for (request, change, expected) in cases {
            let matches = rule(change.clone()).matches(request, request.resource);
            assert_eq!(matches, expected, "{change}");
        }
        assert!(!rule(json!({})).matches(&request, ["apps", "v2", "deployments"]));
    }
}
