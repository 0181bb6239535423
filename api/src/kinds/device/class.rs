//! DeviceClasses.

use serde_json::Value;

use super::selectors;
use crate::Strategy;
use crate::field::Errors;
use crate::kinds::common::{Field, checks};
use crate::names;

pub(super) struct DeviceClass;

impl Strategy for DeviceClass {
    fn validate(&self, class: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(class).get("spec");
        selectors::validate(&spec.get("selectors"), &mut errors);
        selectors::configuration(&spec.get("config"), &mut errors);
        checks::name(
            &spec.get("extendedResourceName"),
            names::qualified_name,
            &mut errors,
        );
        errors
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::create_errors;

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 4] = [
            (
                json!({"selectors": [{"cel": {"expression": "device.driver == 'gpu.example.com'"}}]}),
                &[],
            ),
            (
                json!({"selectors": [{}]}),
                &["spec.selectors[0].cel: Required value"],
            ),
            (
                json!({"selectors": [{"cel": {}}]}),
                &["spec.selectors[0].cel.expression: Required value"],
            ),
            (
                json!({"config": [{"opaque": {"driver": "gpu.example.com", "parameters": 1}}]}),
                &[
                    "spec.config[0].opaque.parameters: Invalid value: 1: must be a valid JSON object",
                ],
            ),
        ];
        for (spec, expected) in cases {
            let class = json!({"metadata": {"name": "gpu"}, "spec": spec});
            assert_eq!(create_errors(&DeviceClass, &class), expected);
        }
    }
}
