//! Conditions in CEL under which a webhook is called or a policy holds (admissionregistration.k8s.io/v1 MatchCondition).

use crate::field::{Error, Errors};
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::names;
use crate::policies::{Names, wrong_with};

const MOST: usize = 64;

/// What is wrong with a list of them, whose expressions may name these.
pub(super) fn check(conditions: &Field<'_>, names: Names<'_>, errors: &mut Errors) {
    if conditions.len() > MOST {
        errors.push(Error::too_many(conditions.path(), conditions.len(), MOST));
    }
    let mut seen = Seen::new();
    for condition in conditions.items() {
        let name = condition.get("name");
        checks::required_name(&name, names::qualified_name, errors);
        if !name.is_empty() {
            seen.add(name.str(), &name, errors);
        }
        check_expression(&condition.get("expression"), names, errors);
    }
}

/// What is wrong with a required expression.
pub(super) fn check_expression(expression: &Field<'_>, names: Names<'_>, errors: &mut Errors) {
    checks::required(expression, errors);
    if !expression.str().trim().is_empty()
        && let Some(words) = wrong_with(expression.str(), names)
    {
        errors.push(expression.invalid(words));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::wrong;

    #[test]
    fn conditions_have_names_of_their_own() {
        let conditions = json!([
            {"name": "a", "expression": "true"},
            {"name": "a", "expression": ""},
            {"name": "", "expression": "true"},
            {"name": "c", "expression": "params.a == 1"},
        ]);
        assert_eq!(
            wrong(conditions, |conditions, errors| check(
                conditions,
                Names::default(),
                errors
            )),
            [
                "x[1].name: Duplicate value: \"a\"",
                "x[1].expression: Required value",
                "x[2].name: Required value",
                "x[3].expression: Invalid value: \"params.a == 1\": compilation failed: ERROR: <input>:1:1: \
                 undeclared reference to 'params' (in container '')\n | params.a == 1\n | ^",
            ]
        );
    }
}
