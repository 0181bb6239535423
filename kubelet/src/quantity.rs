//! Amounts of resources of typed objects as numbers.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

fn parse(quantity: &Quantity) -> Option<skiff_api::Quantity> {
    quantity.0.parse().ok()
}

/// The quantity in thousandths of its unit, rounded up; `None` if it is not written as a quantity.
pub(crate) fn millis(quantity: &Quantity) -> Option<i64> {
    parse(quantity).map(skiff_api::Quantity::milli_value)
}

/// The quantity in whole units, rounded up.
pub(crate) fn value(quantity: &Quantity) -> Option<i64> {
    parse(quantity).map(skiff_api::Quantity::value)
}
