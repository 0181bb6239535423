//! Requests and limits.

use k8s_openapi::api::core::v1::PodSpec;
use serde::Deserialize;

use crate::field::{Error, Errors};
use crate::kinds::common::{Field, quantities};
use crate::pod_resources::{Bound, of_containers};
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

/// Whether a Pod itself, beside its containers, can ask for the resource (KEP-2837).
pub(super) fn is_of_pods(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// What is wrong with the resources of a whole Pod, which its containers share.
pub(super) fn validate_shared(spec: &Field<'_>, errors: &mut Errors) {
    let own = spec.get("resources");
    if !own.is_set() {
        return;
    }
    validate(&own, errors);
    let requests = own.get("requests");
    let typed = PodSpec::deserialize(spec.value()).unwrap_or_default();
    for (name, sum) in of_containers(&typed, Bound::Request) {
        let request = requests.get(&name);
        if Quantity::from_json(request.value()).is_ok_and(|request| request < sum) {
            let words =
                format!("must be greater than or equal to aggregate container requests of {sum}");
            let path = requests.path().key(&name);
            errors.push(Error::invalid(&path, request.value().clone(), words));
        }
    }
    for container in spec.get("containers").items() {
        let limits = container.get("resources").get("limits");
        for (name, limit) in limits.entries() {
            let most = own.get("limits").get(name);
            if let (Ok(limit), Ok(most)) = (
                Quantity::from_json(limit.value()),
                Quantity::from_json(most.value()),
            ) && limit > most
            {
                let words = format!("must be less than or equal to pod limits of {most}");
                errors.push(Error::invalid(limits.path(), limit.to_string(), words));
            }
        }
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

    #[test]
    fn a_pod_asks_for_no_less_and_may_use_no_less_than_its_containers() {
        let of = |amount: &str| json!({"requests": {"cpu": amount}, "limits": {"cpu": amount}});
        let containers =
            json!([{"name": "a", "resources": of("1")}, {"name": "b", "resources": of("3")}]);
        for (resources, expected) in [
            (of("4"), vec![]),
            (
                of("2"),
                vec![
                    "resources.requests[cpu]: Invalid value: \"2\": must be greater than or equal to aggregate container \
                     requests of 4",
                    "containers[1].resources.limits: Invalid value: \"3\": must be less than or equal to pod limits of 2",
                ],
            ),
        ] {
            let spec = json!({"containers": containers, "resources": resources});
            let mut errors = Errors::new();
            validate_shared(&Field::root(&spec), &mut errors);
            assert_eq!(words(&errors), expected);
        }
    }
}
