//! Which objects a quota with scopes is about.

use serde_json::{Value, json};

/// All scopes.
pub const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];

/// Whether a quota is about an object of a core resource; `plural` is `pods`, say, or anything of another group.
pub fn matches(quota: &Value, plural: &str, object: &Value) -> bool {
    let spec = &quota["spec"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let scopes = list(&spec["scopes"])
        .into_iter()
        .map(|scope| json!({"scopeName": scope, "operator": "Exists"}));
    let selector = list(&spec["scopeSelector"]["matchExpressions"]);
    let mut all = scopes.chain(selector);
    all.all(|requirement| holds(&requirement, plural, object))
}

fn holds(requirement: &Value, plural: &str, object: &Value) -> bool {
    let spec = &object["spec"];
    let scope = requirement["scopeName"].as_str().unwrap_or_default();
    match (scope, plural) {
        ("VolumeAttributesClass", "persistentvolumeclaims") => {
            named(requirement, spec["volumeAttributesClassName"].as_str())
        }
        (_, "pods") => match scope {
            "Terminating" => spec["activeDeadlineSeconds"].as_i64() >= Some(0),
            "NotTerminating" => spec["activeDeadlineSeconds"].as_i64() < Some(0),
            "BestEffort" => object["status"]["qosClass"] == "BestEffort",
            "NotBestEffort" => object["status"]["qosClass"] != "BestEffort",
            "PriorityClass" => named(requirement, spec["priorityClassName"].as_str()),
            "CrossNamespacePodAffinity" => reaches_out(&spec["affinity"]),
            _ => false,
        },
        _ => false,
    }
}

fn named(requirement: &Value, name: Option<&str>) -> bool {
    let name = name.filter(|name| !name.is_empty());
    let among = |name: &str| {
        let mut values = requirement["values"].as_array().into_iter().flatten();
        values.any(|value| value == name)
    };
    match requirement["operator"].as_str() {
        Some("Exists") => name.is_some(),
        Some("DoesNotExist") => name.is_none(),
        Some("In") => name.is_some_and(among),
        Some("NotIn") => !name.is_some_and(among),
        _ => false,
    }
}

/// Whether a term of affinity between Pods looks at namespaces other than the Pod's own.
fn reaches_out(affinity: &Value) -> bool {
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let list = |field: &str| {
            affinity[kind][field]
                .as_array()
                .cloned()
                .unwrap_or_default()
        };
        let preferred = list("preferredDuringSchedulingIgnoredDuringExecution");
        let preferred = preferred
            .into_iter()
            .map(|mut term| term["podAffinityTerm"].take());
        let required = list("requiredDuringSchedulingIgnoredDuringExecution");
        required.into_iter().chain(preferred).any(|term| {
            let namespaces = term["namespaces"].as_array();
            namespaces.is_some_and(|names| !names.is_empty())
                || term["namespaceSelector"].is_object()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_choose_pods() {
        let pod = json!({
            "spec": {"activeDeadlineSeconds": 5, "priorityClassName": "high"},
            "status": {"qosClass": "BestEffort"},
        });
        let select = |operator: &str, values: Value| {
            json!({"spec": {"scopeSelector": {"matchExpressions": [
                {"scopeName": "PriorityClass", "operator": operator, "values": values},
            ]}}})
        };
        let scopes = |scopes: &[&str]| json!({"spec": {"scopes": scopes}});
        for (quota, expected) in [
            (json!({}), true),
            (scopes(&["Terminating", "BestEffort"]), true),
            (scopes(&["NotTerminating"]), false),
            (scopes(&["CrossNamespacePodAffinity"]), false),
            (select("In", json!(["high"])), true),
            (select("NotIn", json!(["high"])), false),
            (select("Exists", json!(null)), true),
        ] {
            assert_eq!(matches(&quota, "pods", &pod), expected, "{quota}");
        }
        let terminating = scopes(&["Terminating"]);
        assert!(!matches(&terminating, "services", &json!({})));
    }
}
