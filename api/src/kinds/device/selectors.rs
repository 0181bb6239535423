//! What classes and requests share: selectors in CEL, and configuration that is a driver's own.

use crate::field::{Error, Errors};
use crate::kinds::common::{Field, checks};
use crate::names;

/// The most selectors, and the most configurations, of one list.
const MAX_ITEMS: usize = 32;
const MAX_EXPRESSION_BYTES: usize = 10 << 10;

/// The selectors of a class or a request. An expression is compiled by who selects by it, not here.
pub(super) fn validate(selectors: &Field<'_>, errors: &mut Errors) {
    at_most(selectors, MAX_ITEMS, errors);
    for selector in selectors.items() {
        let cel = selector.get("cel");
        if !cel.is_set() {
            errors.push(cel.required(""));
            continue;
        }
        let expression = cel.get("expression");
        checks::required(&expression, errors);
        if expression.str().len() > MAX_EXPRESSION_BYTES {
            errors.push(Error::too_long(expression.path(), MAX_EXPRESSION_BYTES));
        }
    }
}

/// Configuration of devices: each is for one driver.
pub(super) fn configuration(all: &Field<'_>, errors: &mut Errors) {
    at_most(all, MAX_ITEMS, errors);
    for one in all.items() {
        let opaque = one.get("opaque");
        if !opaque.is_set() {
            errors.push(opaque.required(""));
            continue;
        }
        driver(&opaque.get("driver"), errors);
        let parameters = opaque.get("parameters");
        if !parameters.is_set() {
            errors.push(parameters.required(""));
        } else if !parameters.value().is_object() {
            errors.push(parameters.invalid("must be a valid JSON object"));
        }
    }
}

/// The name of a driver.
pub(super) fn driver(name: &Field<'_>, errors: &mut Errors) {
    const MAX_BYTES: usize = 63;
    checks::required_name(name, names::dns_subdomain, errors);
    if name.str().len() > MAX_BYTES {
        errors.push(Error::too_long(name.path(), MAX_BYTES));
    }
}

/// A list that has a bound.
pub(super) fn at_most(list: &Field<'_>, max: usize, errors: &mut Errors) {
    if list.len() > max {
        errors.push(Error::too_many(list.path(), list.len(), max));
    }
}
