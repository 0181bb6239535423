//! One list of all that is served, stored or not, from which both forms of discovery are made.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use skiff_api::custom::version_order;
use skiff_api::{Descriptor, Verb};

use crate::api::Api;
use crate::virtuals::{self, VIRTUALS, Virtual};

/// A resource and its subresources.
pub(super) struct Resource {
    pub(super) name: String,
    pub(super) singular: String,
    pub(super) kind: String,
    pub(super) namespaced: bool,
    pub(super) verbs: Vec<&'static str>,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) subresources: Vec<Subresource>,
    /// Another one when objects are stored in another version; none of what is not stored here.
    pub(super) storage_version_hash: Option<String>,
}

/// A subresource; what it takes and answers may be of another group.
pub(super) struct Subresource {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) verbs: Vec<&'static str>,
}

/// Resources by group, then version, the preferred one first, each list by name.
pub(super) type Groups = BTreeMap<String, BTreeMap<Version, Vec<Resource>>>;

/// A version such as `v1beta1`, in the order of preference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) String);

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        version_order(&self.0, &other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All that is served, here and by others.
pub(super) fn groups(api: &Api) -> Groups {
    let served = api.kinds.current();
    let mut groups = Groups::new();
    // Also those without a resource of their own: metrics are served as subresources alone.
    let backends = api.aggregation.backends();
    for backend in backends.iter().filter(|backend| backend.is_available()) {
        let (group, version) = backend.group_version();
        let versions = groups.entry(group.to_owned()).or_default();
        versions.entry(Version(version.to_owned())).or_default();
    }
    let mut add = |group: &str, version: &str, resource: Resource| {
        let versions = groups.entry(group.to_owned()).or_default();
        versions
            .entry(Version(version.to_owned()))
            .or_default()
            .push(resource);
    };
    for descriptor in served.registry.iter() {
        add(&descriptor.group, &descriptor.version, stored(descriptor));
    }
    for known in &VIRTUALS {
        add(known.group, known.version, asked(known));
    }
    for backend in &backends {
        let (group, version) = backend.group_version();
        for resource in told(&backend.resources()) {
            add(group, version, resource);
        }
    }
    for resources in groups.values_mut().flat_map(BTreeMap::values_mut) {
        resources.sort_by(|a, b| a.name.cmp(&b.name));
    }
    groups
}

/// The resources of an APIResourceList, in which subresources stand beside theirs.
fn told(list: &[Value]) -> Vec<Resource> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let texts = |entry: &Value, field: &str| -> Vec<String> {
        let items = entry[field].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let verbs = |entry: &Value| -> Vec<&'static str> {
        let all = Verb::ALL.map(Verb::as_str).into_iter();
        let told = texts(entry, "verbs");
        all.filter(|verb| told.iter().any(|one| one == verb))
            .collect()
    };
    let subresources = |of: &str| -> Vec<Subresource> {
        let below = |entry: &Value| {
            Some(
                text(entry, "name")
                    .strip_prefix(of)?
                    .strip_prefix('/')?
                    .to_owned(),
            )
        };
        let named = list.iter().filter_map(|entry| Some((below(entry)?, entry)));
        named
            .map(|(name, entry)| Subresource {
                name,
                group: text(entry, "group"),
                version: text(entry, "version"),
                kind: text(entry, "kind"),
                verbs: verbs(entry),
            })
            .collect()
    };
    let main = list
        .iter()
        .filter(|entry| !text(entry, "name").contains('/'));
    main.map(|entry| Resource {
        name: text(entry, "name"),
        singular: text(entry, "singularName"),
        kind: text(entry, "kind"),
        namespaced: entry["namespaced"] == true,
        verbs: verbs(entry),
        short_names: texts(entry, "shortNames"),
        categories: texts(entry, "categories"),
        subresources: subresources(&text(entry, "name")),
        storage_version_hash: entry["storageVersionHash"].as_str().map(str::to_owned),
    })
    .collect()
}

fn stored(descriptor: &Descriptor) -> Resource {
    let owned = |names: &[std::borrow::Cow<'static, str>]| {
        names.iter().map(|name| name.to_string()).collect()
    };
    Resource {
        name: descriptor.plural.to_string(),
        singular: descriptor.singular.to_string(),
        kind: descriptor.kind.to_string(),
        namespaced: descriptor.is_namespaced(),
        verbs: descriptor.verbs.iter().copied().map(Verb::as_str).collect(),
        short_names: owned(&descriptor.short_names),
        categories: owned(&descriptor.categories),
        subresources: subresources(descriptor),
        storage_version_hash: Some(storage_version_hash(descriptor)),
    }
}

/// As Kubernetes makes it (k8s.io/apiserver/pkg/endpoints/discovery).
fn storage_version_hash(descriptor: &Descriptor) -> String {
    let stored_as = match descriptor.strategy.custom() {
        Some(custom) => custom.stored_as().to_owned(),
        None => format!("{}/{}", descriptor.stored_group(), descriptor.version),
    };
    let digest = Sha256::digest(format!("{stored_as}/{}", descriptor.kind));
    BASE64_STANDARD.encode(&digest[..8])
}

fn subresources(descriptor: &Descriptor) -> Vec<Subresource> {
    let written = vec!["get", "patch", "update"];
    let mut all = Vec::new();
    if descriptor.subresources.scale.is_some() {
        all.push(Subresource {
            name: "scale".into(),
            group: "autoscaling".into(),
            version: "v1".into(),
            kind: "Scale".into(),
            verbs: written.clone(),
        });
    }
    if descriptor.subresources.status {
        all.push(Subresource {
            name: "status".into(),
            group: descriptor.group.to_string(),
            version: descriptor.version.to_string(),
            kind: descriptor.kind.to_string(),
            verbs: written,
        });
    }
    all.extend(virtuals::of(descriptor).map(|known| Subresource {
        name: known.subresource.into(),
        group: known.kind.0.into(),
        version: known.kind.1.into(),
        kind: known.kind.2.into(),
        verbs: known.verbs.to_vec(),
    }));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn asked(known: &Virtual) -> Resource {
    Resource {
        name: known.resource.into(),
        singular: known.singular.into(),
        kind: known.kind.into(),
        namespaced: known.namespaced,
        verbs: known.verbs.to_vec(),
        short_names: known.short_names.iter().copied().map(Into::into).collect(),
        categories: Vec::new(),
        subresources: Vec::new(),
        storage_version_hash: None,
    }
}
