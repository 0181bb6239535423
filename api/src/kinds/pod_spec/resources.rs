//! Requests and limits.

use crate::field::{Error, Errors};
use crate::kinds::common::{Field, quantities};
use crate::{Quantity, names};

/// Resources of containers whose names have no domain.
const STANDARD: &[&str] = &["cpu", "memory", "ephemeral-storage"];

/// What is wrong with the resources of a container or of a whole Pod (`ValidateContainerResourceRequirements`).
pub(super) fn validate(resources: &Field<'_>, errors: &mut Errors) {
    let (limits, requests) = (resources.get("limits"), resources.get("requests"));
    for (name, limit) in limits.entries() {
        quantity(name, &limit, errors);
    }
    for (name, request) in requests.entries() {
        quantity(name, &request, errors);
        within_limit(name, &request, &limits, &requests, errors);
    }
    let unlimited = |name: &str| is_not_shared(name) && !limits.get(name).is_set();
    if requests.entries().any(|(name, _)| unlimited(name)) {
        errors.push(limits.required("Limit must be set for non overcommitable resources"));
    }
}

fn quantity(name: &str, amount: &Field<'_>, errors: &mut Errors) {
    resource_name(name, amount, errors);
    let parsed = quantities::non_negative(amount, errors);
    let is_whole = |quantity: &Quantity| quantity.milli_value() % 1000 == 0;
    if is_extended(name) && !parsed.as_ref().is_none_or(is_whole) {
        errors.push(amount.invalid("must be an integer"));
    }
}

fn resource_name(name: &str, amount: &Field<'_>, errors: &mut Errors) {
    let wrong = names::qualified_name(name);
    let standard = STANDARD.contains(&name) || name.starts_with("hugepages-");
    let mut invalid = |words: String| errors.push(Error::invalid(amount.path(), name, words));
    if !wrong.is_empty() {
        wrong.into_iter().for_each(&mut invalid);
    } else if !name.contains('/') && !standard {
        invalid("must be a standard resource for containers".to_owned());
    }
}

/// Resources that cannot be promised beyond what there is: those of devices, and huge pages.
fn is_not_shared(name: &str) -> bool {
    is_extended(name) || name.starts_with("hugepages-")
}

/// Resources of devices.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

fn within_limit(
    name: &str,
    request: &Field<'_>,
    limits: &Field<'_>,
    requests: &Field<'_>,
    errors: &mut Errors,
) {
    let (Ok(wanted), Ok(limit)) = (
        Quantity::from_json(request.value()),
        Quantity::from_json(limits.get(name).value()),
    ) else {
        return;
    };
    let rule = if is_not_shared(name) && wanted != limit {
        "equal to"
    } else if wanted > limit {
        "less than or equal to"
    } else {
        return;
    };
    let words = format!("must be {rule} {name} limit of {limit}");
    errors.push(Error::invalid(requests.path(), wanted.to_string(), words));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(resources: Value) -> Vec<String> {
        let mut errors = Errors::new();
        let path = crate::field::Path::root("resources");
        validate(&Field::at(path, &resources), &mut errors);
        words(&errors)
    }

    #[test]
    fn what_users_get_wrong() {
        for (resources, expected) in [
            (
                json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "0.1", "memory": "1Gi"}}),
                vec![],
            ),
            (
                json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}),
                vec![
                    "resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1500m",
                ],
            ),
            (
                json!({"limits": {"memory": "-1"}}),
                vec![
                    "resources.limits[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
                ],
            ),
            (
                json!({"limits": {"gpu": "1"}}),
                vec![
                    "resources.limits[gpu]: Invalid value: \"gpu\": must be a standard resource for containers",
                ],
            ),
            (
                json!({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}}),
                vec![
                    "resources.requests: Invalid value: \"1\": must be equal to example.com/gpu limit of 2",
                ],
            ),
            (
                json!({"requests": {"example.com/gpu": "1"}}),
                vec![
                    "resources.limits: Required value: Limit must be set for non overcommitable resources",
                ],
            ),
            (
                json!({"limits": {"cpu": "a lot"}}),
                vec![
                    "resources.limits[cpu]: Invalid value: \"a lot\": quantities must match the regular expression \
                     '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                ],
            ),
        ] {
            assert_eq!(wrong(resources.clone()), expected, "{resources}");
        }
    }
}
