//! What ValidatingAdmissionPolicies are told of their own expressions: their fields are held against the types of the kinds
//! that the policy names.

use serde::Deserialize;
use serde_json::Value;
use skiff_api::Schema;
use skiff_api::policies::{Typed, type_warnings};
use skiff_store::{Change, Snapshot};

use super::policy::ParamKind;
use super::{Policies, params};
use crate::codec::object_of;
use crate::kinds::Kinds;
use crate::matching::PREFIX;

/// Where such policies are, below those of all kinds.
pub(crate) const FOLDER: &str = "validatingadmissionpolicies/";
/// The most kinds whose types are looked at (as in Kubernetes).
const MOST_KINDS: usize = 10;

/// The policies whose last change nobody has looked at, of all that stand.
pub(crate) fn unchecked(snapshot: &Snapshot) -> Vec<String> {
    let prefix = format!("{PREFIX}{FOLDER}");
    let entries = snapshot.range(&prefix, None);
    let unchecked = entries.filter_map(|entry| name_if_unchecked(entry.key.as_str(), &entry.value));
    unchecked.collect()
}

/// The policy that a change leaves to be looked at.
pub(crate) fn unchecked_after(change: &Change) -> Option<String> {
    match change {
        Change::Put { entry, .. } => name_if_unchecked(entry.key.as_str(), &entry.value),
        Change::Delete { .. } => None,
    }
}

fn name_if_unchecked(key: &str, stored: &[u8]) -> Option<String> {
    let name = key.strip_prefix(PREFIX)?.strip_prefix(FOLDER)?;
    let policy = object_of(stored).ok()?;
    (!is_checked(&policy)).then(|| name.to_owned())
}

/// Whether its last change has been looked at.
pub(crate) fn is_checked(policy: &Value) -> bool {
    policy["status"]["observedGeneration"] == policy["metadata"]["generation"]
}

/// What is to be said of the expressions of a policy.
pub(crate) fn warnings(policies: &Policies, spec: &Value) -> Vec<Value> {
    let params = Option::<ParamKind>::deserialize(&spec["paramKind"])
        .ok()
        .flatten();
    let params = params.and_then(|kind| params::descriptor(policies, &kind).ok());
    let params = params.and_then(|kind| kind.schema());
    type_warnings(spec, &kinds(&policies.objects.kinds, spec), params.as_ref())
}

/// The kinds that a policy names; what it only hints at by `*` is passed over.
fn kinds(kinds: &Kinds, spec: &Value) -> Vec<Typed> {
    let served = kinds.current();
    let rules = spec["matchConstraints"]["resourceRules"].as_array();
    let mut kinds: Vec<Typed> = Vec::new();
    for rule in rules.into_iter().flatten() {
        for group in names(&rule["apiGroups"]) {
            for version in names(&rule["apiVersions"]) {
                for plural in names(&rule["resources"]) {
                    let kind = served.registry.get(group, version, plural);
                    kinds.extend(kind.and_then(|kind| {
                        let name = format!("{group}/{version}, Kind={}", kind.kind);
                        let schema: Schema = kind.schema()?;
                        Some(Typed { name, schema })
                    }));
                }
            }
        }
    }
    kinds.sort_by(|one, other| one.name.cmp(&other.name));
    kinds.dedup_by(|one, other| one.name == other.name);
    kinds.truncate(MOST_KINDS);
    kinds
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    let names = list.as_array().into_iter().flatten();
    let names = names.filter_map(Value::as_str);
    names.filter(|name| !name.contains(['*', '/']))
}
