//! Discovery as it always was: APIVersions, APIGroupList, APIGroup, APIResourceList.

use serde_json::{Value, json};

use super::resource::{Resource, Version, groups as all_groups};
use crate::api::Api;

/// The versions of the core group (meta/v1 APIVersions).
pub(super) fn core_versions(api: &Api) -> Value {
    let server = format!("{}:{}", api.config.advertise, api.config.port);
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}],
    })
}

/// All groups but the core one (meta/v1 APIGroupList).
pub(super) fn groups(api: &Api) -> Value {
    let groups = all_groups(api);
    let named = groups.iter().filter(|(name, _)| !name.is_empty());
    let entries: Vec<Value> = named
        .map(|(name, versions)| entry(name, versions.keys()))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": entries})
}

/// One group (meta/v1 APIGroup).
pub(super) fn group(api: &Api, name: &str) -> Option<Value> {
    let groups = all_groups(api);
    let versions = groups.get(name).filter(|_| !name.is_empty())?;
    let mut group = entry(name, versions.keys());
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn entry<'a>(group: &str, versions: impl Iterator<Item = &'a Version>) -> Value {
    let versions: Vec<Value> = versions
        .map(|Version(version)| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
}

/// The resources of a version (meta/v1 APIResourceList).
pub(super) fn resources(api: &Api, group: &str, version: &str) -> Option<Value> {
    let groups = all_groups(api);
    let resources = groups.get(group)?.get(&Version(version.to_owned()))?;
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let entries: Vec<Value> = resources.iter().flat_map(with_subresources).collect();
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": entries,
    }))
}

fn with_subresources(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.name,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        main["categories"] = json!(resource.categories);
    }
    if let Some(hash) = &resource.storage_version_hash {
        main["storageVersionHash"] = json!(hash);
    }
    let mut all = vec![main];
    all.extend(resource.subresources.iter().map(|sub| {
        json!({
            "name": format!("{}/{}", resource.name, sub.name),
            "singularName": "",
            "namespaced": resource.namespaced,
            "group": sub.group,
            "version": sub.version,
            "kind": sub.kind,
            "verbs": sub.verbs,
        })
    }));
    all
}
