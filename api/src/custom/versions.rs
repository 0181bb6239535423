//! The versions of a definition that are served, each a kind of its own.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use super::resource::CustomResource;
use super::shapes::Shapes;
use super::{JsonPath, is_true};
use crate::{Descriptor, ScalePaths, Scope, Subresources, Verb};

/// The kinds that a definition makes; none unless it is established. `revision` is that of its last change: objects
/// written before may lack its defaults.
pub fn served(definition: &Value, revision: u64) -> Vec<Descriptor> {
    if !is_true(definition, "Established") {
        return Vec::new();
    }
    let shapes = Arc::new(Shapes::compile(definition));
    let versions = definition["spec"]["versions"].as_array();
    let versions = versions.into_iter().flatten();
    versions
        .filter(|version| version["served"] == true)
        .map(|version| {
            let custom = CustomResource::new(definition, version, &shapes, revision);
            descriptor(definition, version, custom)
        })
        .collect()
}

fn descriptor(definition: &Value, version: &Value, custom: CustomResource) -> Descriptor {
    let names = &definition["status"]["acceptedNames"];
    let text =
        |value: &Value| Cow::<'static, str>::Owned(value.as_str().unwrap_or_default().to_owned());
    let texts = |list: &Value| list.as_array().into_iter().flatten().map(text).collect();
    let group = text(&definition["spec"]["group"]);
    let kind = text(&names["kind"]);
    let version_name = text(&version["name"]);
    Descriptor {
        type_name: type_name(&group, &version_name, &kind).into(),
        group,
        version: version_name,
        kind,
        plural: text(&names["plural"]),
        singular: text(&names["singular"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        scope: match definition["spec"]["scope"].as_str() {
            Some("Namespaced") => Scope::Namespaced,
            _ => Scope::Cluster,
        },
        verbs: Verb::ALL.to_vec(),
        subresources: subresources(&version["subresources"]),
        strategy: Arc::new(custom),
    }
}

/// `com.example.v1.Thing` of the group `example.com`, as OpenAPI names it.
fn type_name(group: &str, version: &str, kind: &str) -> String {
    let mut parts: Vec<&str> = group.rsplit('.').collect();
    parts.extend([version, kind]);
    parts.join(".")
}

fn subresources(subresources: &Value) -> Subresources {
    let scale = &subresources["scale"];
    let pointer = |field: &str| -> Option<Cow<'static, str>> {
        let path = JsonPath::parse(scale[field].as_str()?).ok()?;
        path.pointer().map(Cow::Owned)
    };
    Subresources {
        status: subresources["status"].is_object(),
        scale: scale.is_object().then(|| ScalePaths {
            spec_replicas: pointer("specReplicasPath").unwrap_or_default(),
            status_replicas: pointer("statusReplicasPath").unwrap_or_default(),
            selector: pointer("labelSelectorPath"),
        }),
    }
}

/// The order in which versions are preferred: `v2`, `v1`, `v1beta1`, `v1alpha1`, then others by name
/// (k8s.io/apimachinery/pkg/version, CompareKubeAwareVersionStrings).
pub fn version_order(one: &str, other: &str) -> Ordering {
    match (rank(one), rank(other)) {
        (Some(one), Some(other)) => other.cmp(&one),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.cmp(other),
    }
}

/// Stability, major and minor number of `v1beta2`.
fn rank(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    let letters = rest.find(|char: char| !char.is_ascii_digit());
    let (major, rest) = rest.split_at(letters.unwrap_or(rest.len()));
    let major = major.parse().ok()?;
    if rest.is_empty() {
        return Some((2, major, 0));
    }
    let (stability, minor) = match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
        (Some(minor), _) => (1, minor),
        (None, Some(minor)) => (0, minor),
        (None, None) => return None,
    };
    Some((stability, major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_and_high_versions_come_first() {
        let mut versions = [
            "foo1", "v1alpha1", "v1beta2", "v1", "v11", "v2", "bar", "v1beta1", "v2alpha1",
        ];
        versions.sort_by(|one, other| version_order(one, other));
        assert_eq!(
            versions,
            [
                "v11", "v2", "v1", "v1beta2", "v1beta1", "v2alpha1", "v1alpha1", "bar", "foo1"
            ]
        );
    }
}
