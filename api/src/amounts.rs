//! Amounts by the name of what is counted.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde_json::Value;

use crate::Quantity;

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

/// The amounts in a typed map; what is no quantity is left out.
pub(crate) fn of_typed(map: Option<&BTreeMap<String, ApiQuantity>>) -> Amounts {
    let parsed = map.into_iter().flatten().filter_map(|(name, value)| {
        let quantity = Quantity::of(value).ok()?;
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

/// The greater of both, in everything.
pub(crate) fn at_least(amounts: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let most = amounts.entry(name.clone()).or_insert(*amount);
        *most = (*most).max(*amount);
    }
}

/// `cpu=1,pods=2`, as messages show amounts.
pub fn shown(amounts: &Amounts) -> String {
    let pairs = amounts
        .iter()
        .map(|(name, amount)| format!("{name}={amount}"));
    pairs.collect::<Vec<_>>().join(",")
}
