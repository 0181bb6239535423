//! Values of all shapes for property tests.

use proptest::prelude::*;
use serde_json::Value;

/// Any JSON value whose keys match a pattern, some levels deep.
pub(crate) fn any_json(keys: &'static str) -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "replace|delete|merge|1Gi|[a-c]|\\PC{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}
