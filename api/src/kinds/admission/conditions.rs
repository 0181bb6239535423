//! Conditions in CEL under which a webhook is called or a policy holds (admissionregistration.k8s.io/v1 MatchCondition).

use crate::field::{Error, Errors};
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::names;

const MOST: usize = 64;

/// What is wrong with a list of them.
pub(super) fn check(conditions: &Field<'_>, errors: &mut Errors) {
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
        checks::required(&condition.get("expression"), errors);
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
        ]);
        assert_eq!(
            wrong(conditions, check),
            [
                "x[1].name: Duplicate value: \"a\"",
                "x[1].expression: Required value",
                "x[2].name: Required value",
            ]
        );
    }
}
