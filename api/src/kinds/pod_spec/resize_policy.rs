//! What becomes of a container whose resources are changed while it runs (KEP-1287).

use super::super::common::Field;
use super::super::common::checks::{self, Seen};
use crate::field::Errors;

const RESOURCES: &[&str] = &["cpu", "memory"];
const POLICIES: &[&str] = &["NotRequired", "RestartContainer"];

/// What is wrong with the policies of a container in a Pod of this restart policy (`validateResizePolicy`).
pub(super) fn validate(policies: &Field<'_>, restart: &str, errors: &mut Errors) {
    let mut seen = Seen::new();
    for policy in policies.items() {
        let (resource, way) = (policy.get("resourceName"), policy.get("restartPolicy"));
        let item = Field::at(policy.path().clone(), resource.value());
        seen.add(resource.str(), &item, errors);
        // Kubernetes names the list, not the item.
        let named = |value| Field::at(policies.path().clone(), value);
        checks::one_of(&named(resource.value()), RESOURCES, errors);
        checks::one_of(&named(way.value()), POLICIES, errors);
        if restart == "Never" && way.str() != "NotRequired" {
            let words = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.push(named(way.value()).invalid(words));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::wrong;

    fn found(policies: Value, restart: &str) -> Vec<String> {
        wrong(policies, |field, errors| validate(field, restart, errors))
    }

    #[test]
    fn each_resource_has_one_way() {
        let of =
            |resource: &str, way: &str| json!({"resourceName": resource, "restartPolicy": way});
        let fine = json!([of("cpu", "NotRequired"), of("memory", "RestartContainer")]);
        assert_eq!(found(fine.clone(), "Always"), [""; 0]);
        assert_eq!(
            found(fine, "Never"),
            [
                "x: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'"
            ]
        );
        assert_eq!(
            found(
                json!([of("disk", "Sometimes"), of("disk", "NotRequired")]),
                "Always"
            ),
            [
                "x: Unsupported value: \"disk\": supported values: \"cpu\", \"memory\"",
                "x: Unsupported value: \"Sometimes\": supported values: \"NotRequired\", \"RestartContainer\"",
                "x[1]: Duplicate value: \"disk\"",
                "x: Unsupported value: \"disk\": supported values: \"cpu\", \"memory\"",
            ]
        );
    }
}
