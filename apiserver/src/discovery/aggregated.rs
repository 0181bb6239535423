//! Discovery in one answer (KEP-3352, apidiscovery.k8s.io APIGroupDiscoveryList).

use serde_json::{Value, json};

use super::resource::{Resource, Version, groups};
use crate::api::Api;

/// The core group, or all the others.
pub(super) fn list(api: &Api, list_version: &str, core: bool) -> Value {
    let groups = groups(api);
    let wanted = groups.iter().filter(|(name, _)| name.is_empty() == core);
    let items: Vec<Value> = wanted
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(Version(version), resources)| {
                    let resources = resources.iter().map(|it| resource(group, version, it));
                    json!({
                        "version": version,
                        "resources": resources.collect::<Vec<_>>(),
                        "freshness": "Current",
                    })
                })
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{list_version}"),
        "metadata": {},
        "items": items,
    })
}

fn resource(group: &str, version: &str, resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": resource.name,
        "responseKind": kind(group, version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if !resource.subresources.is_empty() {
        let subresources = resource.subresources.iter().map(|sub| {
            json!({
                "subresource": sub.name,
                "responseKind": kind(&sub.group, &sub.version, &sub.kind),
                "verbs": sub.verbs,
            })
        });
        entry["subresources"] = subresources.collect();
    }
    entry
}

fn kind(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}
