//! ResourceQuotas: what a write uses is charged to the quotas of its namespace in the same commit, so that writers who
//! race cannot pass a limit together (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>).

mod turns;

use serde_json::Value;
use skiff_api::quota::{self, Amounts};
use skiff_api::{Descriptor, Quantity, Status, metadata};
use skiff_store::{Batch, Entry, Precondition, Snapshot, Value as Stored};

use crate::codec::{encode, object_of};

pub(crate) use turns::{Turn, Turns};

/// The quotas that a write changes, as they are to be stored with it.
#[derive(Default)]
pub(crate) struct Charges(Vec<(Entry, Stored)>);

impl Charges {
    /// Adds them to a batch, behind the preconditions that it has.
    pub(crate) fn add_to(&self, batch: Batch) -> Batch {
        self.0.iter().fold(batch, |batch, (entry, charged)| {
            let unchanged = Precondition::AtRevision(entry.key.clone(), entry.revision);
            batch
                .require(unchanged)
                .put(entry.key.clone(), charged.clone())
        })
    }
}

/// Charges a write that replaces `old` by `new`; 403 if a quota does not let it in.
pub(crate) fn charge(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Result<Charges, Status> {
    let mut charges = Charges::default();
    let Some(object) = new.or(old).filter(|_| descriptor.is_namespaced()) else {
        return Ok(charges);
    };
    for entry in quotas(snapshot, metadata::namespace(object)) {
        let quota = object_of(&entry.value)?;
        // A quota's own write is not charged to itself.
        if metadata::uid(&quota) == metadata::uid(object) {
            continue;
        }
        if let Some(charged) = charged(snapshot, descriptor, &quota, old, new)? {
            charges.0.push((entry.clone(), encode(&charged)));
        }
    }
    Ok(charges)
}

fn quotas<'a>(snapshot: &'a Snapshot, namespace: &str) -> Vec<&'a Entry> {
    let prefix = format!("/registry/core/resourcequotas/{namespace}/");
    snapshot.range(&prefix, None).collect()
}

/// The quota after the write; `None` if it is not about it.
fn charged(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    quota: &Value,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Result<Option<Value>, Status> {
    let (group, plural) = (&*descriptor.group, &*descriptor.plural);
    let scoped = if group.is_empty() { plural } else { "" };
    let name = new.or(old).map(metadata::name).unwrap_or_default();
    let forbidden = |why: String| Status::forbidden(&descriptor.group_resource(), name, &why);
    let hard = quota::amounts(&quota["spec"]["hard"]);
    let uses = |object: &Value| match quota::matches(quota, scoped, object) {
        true => quota::usage(group, plural, object),
        false => Amounts::new(),
    };
    let after = new.map(uses).unwrap_or_default();
    if let (None, Some(new), "pods") = (old, new, scoped)
        && !after.is_empty()
        && let Some(missing) = quota::unspecified(new, hard.keys().map(String::as_str))
    {
        let of = metadata::name(quota);
        return Err(forbidden(format!(
            "failed quota: {of}: must specify {missing}"
        )));
    }
    let change = change(&hard, old.map(uses).unwrap_or_default(), after);
    if change.is_empty() {
        return Ok(None);
    }
    let mut used = used(snapshot, quota, &hard);
    // What a component tells of an object counts, and must be told all the same.
    let is_told = matches!((old, new), (Some(old), Some(new)) if old["spec"] == new["spec"]);
    if !is_told && let Some(why) = exceeded(metadata::name(quota), &hard, &used, &change) {
        return Err(forbidden(why));
    }
    quota::add(&mut used, &change);
    for amount in used.values_mut() {
        *amount = (*amount).max(Quantity::ZERO);
    }
    let mut charged = quota.clone();
    charged["status"]["hard"] = quota["spec"]["hard"].clone();
    charged["status"]["used"] = quota::to_json(&used);
    Ok(Some(charged))
}

/// How much more a write uses of what the quota counts; nothing of what stays the same.
fn change(hard: &Amounts, before: Amounts, after: Amounts) -> Amounts {
    let mut change = after;
    for (name, amount) in before {
        *change.entry(name).or_insert(Quantity::ZERO) -= amount;
    }
    change.retain(|name, amount| hard.contains_key(name) && !amount.is_zero());
    change
}

/// Why a change does not fit into what is left, if so.
fn exceeded(name: &str, hard: &Amounts, used: &Amounts, change: &Amounts) -> Option<String> {
    let of = |amounts: &Amounts, name: &str| amounts.get(name).copied().unwrap_or(Quantity::ZERO);
    let too_much: Vec<&String> = change
        .iter()
        .filter(|(name, more)| **more > Quantity::ZERO && of(used, name) + **more > of(hard, name))
        .map(|(name, _)| name)
        .collect();
    if too_much.is_empty() {
        return None;
    }
    let shown = |amounts: &Amounts| {
        let of_those = too_much
            .iter()
            .map(|name| ((*name).clone(), of(amounts, name)));
        quota::shown(&of_those.collect())
    };
    let [requested, used, limited] = [change, used, hard].map(shown);
    Some(format!(
        "exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}"
    ))
}

/// What is used of what the quota counts: as noted there, and counted where nothing is noted yet.
fn used(snapshot: &Snapshot, quota: &Value, hard: &Amounts) -> Amounts {
    let mut used = quota::amounts(&quota["status"]["used"]);
    used.retain(|name, _| hard.contains_key(name));
    let unknown: Vec<&String> = hard
        .keys()
        .filter(|name| !used.contains_key(*name))
        .collect();
    let mut resources: Vec<&str> = unknown
        .iter()
        .map(|name| quota::counted_resource(name))
        .collect();
    resources.sort_unstable();
    resources.dedup();
    let mut counted = Amounts::new();
    for resource in resources {
        quota::add(&mut counted, &count(snapshot, quota, resource));
    }
    for name in unknown {
        let amount = counted.get(name).copied().unwrap_or(Quantity::ZERO);
        used.insert(name.clone(), amount);
    }
    used
}

/// What the stored objects of a resource (`pods`, `deployments.apps`) use that the quota is about.
fn count(snapshot: &Snapshot, quota: &Value, resource: &str) -> Amounts {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let (folder, scoped) = match group {
        "" => ("core", plural),
        group => (group, ""),
    };
    let namespace = metadata::namespace(quota);
    let prefix = format!("/registry/{folder}/{plural}/{namespace}/");
    let mut counted = Amounts::new();
    for entry in snapshot.range(&prefix, None) {
        if let Ok(object) = object_of(&entry.value)
            && quota::matches(quota, scoped, &object)
        {
            quota::add(&mut counted, &quota::usage(group, plural, &object));
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amounts(text: Value) -> Amounts {
        quota::amounts(&text)
    }

    #[test]
    fn what_does_not_fit_is_named_alone() {
        let hard = amounts(json!({"pods": "2", "requests.cpu": "1", "limits.cpu": "9"}));
        let used = amounts(json!({"pods": "2", "requests.cpu": "500m"}));
        let more = amounts(json!({"pods": "1", "requests.cpu": "600m", "limits.cpu": "1"}));
        assert_eq!(
            exceeded("team", &hard, &used, &more).as_deref(),
            Some(
                "exceeded quota: team, requested: pods=1,requests.cpu=600m, used: pods=2,requests.cpu=500m, limited: pods=2,requests.cpu=1"
            )
        );
        let fits = amounts(json!({"requests.cpu": "500m"}));
        assert_eq!(exceeded("team", &hard, &used, &fits), None);
        let less = amounts(json!({"pods": "-1"}));
        assert_eq!(
            exceeded("team", &hard, &amounts(json!({"pods": "9"})), &less),
            None
        );
    }

    #[test]
    fn a_write_is_charged_for_what_it_changes() {
        let hard = amounts(json!({"services.nodeports": "5", "services": "5"}));
        let before = amounts(json!({"services": "1", "services.nodeports": "0"}));
        let after =
            amounts(json!({"services": "1", "services.nodeports": "2", "count/services": "1"}));
        assert_eq!(
            change(&hard, before, after),
            amounts(json!({"services.nodeports": "2"}))
        );
    }
}
