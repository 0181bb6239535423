//! Rules of quantities.

use super::Field;
use crate::Quantity;
use crate::field::Errors;

/// The quantity, if it is one; else the error.
pub(crate) fn checked(field: &Field<'_>, errors: &mut Errors) -> Option<Quantity> {
    let parsed = Quantity::from_json(field.value());
    parsed
        .map_err(|error| errors.push(field.invalid(error.to_string())))
        .ok()
}

/// A quantity that is not negative.
pub(crate) fn non_negative(field: &Field<'_>, errors: &mut Errors) -> Option<Quantity> {
    let quantity = checked(field, errors)?;
    if quantity < Quantity::ZERO {
        errors.push(field.invalid("must be greater than or equal to 0"));
    }
    Some(quantity)
}

/// A quantity that is more than nothing.
pub(crate) fn positive(field: &Field<'_>, errors: &mut Errors) {
    if checked(field, errors).is_some_and(|quantity| quantity <= Quantity::ZERO) {
        errors.push(field.invalid("must be greater than zero"));
    }
}
