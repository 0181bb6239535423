//! What ResourceQuotas count (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>): pure, the same for the API
//! server that admits and for the controller that counts again.
//!
//! In: an object and its resource. Out: what it uses, by the names that `spec.hard` has, and whether a quota is about it.

mod names;
mod pods;
mod requests;
mod scopes;
mod usage;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Quantity;

pub use names::{counted_resource, is_count, is_of_claims, is_of_pods, is_standard};
pub use pods::{is_ended, unspecified};
pub use requests::{limits_of_pod, requests_of_pod};
pub use scopes::{SCOPES, matches};
pub use usage::usage;

/// Amounts by the name of what is counted.
pub type Amounts = BTreeMap<String, Quantity>;

/// The amounts in a JSON map; what is no quantity is left out.
pub fn amounts(map: &Value) -> Amounts {
    let entries = map.as_object().into_iter().flatten();
    let parsed = entries.filter_map(|(name, value)| {
        let quantity = Quantity::from_json(value).ok()?;
        Some((name.clone(), quantity))
    });
    parsed.collect()
}

/// The amounts as a JSON map.
pub fn to_json(amounts: &Amounts) -> Value {
    let entries = amounts
        .iter()
        .map(|(name, amount)| (name.clone(), Value::from(amount.to_string())));
    Value::Object(entries.collect())
}

/// Adds amounts to others.
pub fn add(into: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        *into.entry(name.clone()).or_insert(Quantity::ZERO) += *amount;
    }
}

/// `cpu=1,pods=2`, as messages show amounts.
pub fn shown(amounts: &Amounts) -> String {
    let pairs = amounts
        .iter()
        .map(|(name, amount)| format!("{name}={amount}"));
    pairs.collect::<Vec<_>>().join(",")
}
