//! RuntimeClasses: by which handler of the container runtime a Pod runs, what that costs, and where it can.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::{Field, cells, checks, describe, quantities};
use super::pod_spec;
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy, names};

pub(super) fn descriptor() -> Descriptor {
    describe::cluster(
        describe::NODE,
        "RuntimeClass",
        "runtimeclasses",
        RuntimeClass,
    )
}

pub(super) struct RuntimeClass;

impl Strategy for RuntimeClass {
    fn validate(&self, class: &Value) -> Errors {
        let mut errors = Errors::new();
        let class = Field::root(class);
        let handler = class.get("handler");
        let wrong = names::dns_label(handler.str());
        let invalid = |words| Error::invalid(handler.path(), handler.str(), words);
        errors.extend(wrong.into_iter().map(invalid));
        for (_, amount) in class.get("overhead").get("podFixed").entries() {
            quantities::non_negative(&amount, &mut errors);
        }
        let scheduling = class.get("scheduling");
        checks::labels(&scheduling.get("nodeSelector"), &mut errors);
        pod_spec::tolerations(&scheduling.get("tolerations"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|class| Field::root(class).get("handler"));
        checks::immutable(&new, &old, &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Handler", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, class: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(class),
            text(class, "/handler").into(),
            cells::age(class, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{create_errors, update_errors};

    #[test]
    fn a_class_names_a_handler_for_good() {
        let class = |handler: &str| json!({ "handler": handler });
        assert_eq!(create_errors(&RuntimeClass, &class("runsc")), [""; 0]);
        let label =
            "handler: Invalid value: \"Run_sc\": a lowercase RFC 1123 label must consist of";
        let errors = create_errors(&RuntimeClass, &class("Run_sc"));
        assert!(
            errors.len() == 1 && errors[0].starts_with(label),
            "{errors:?}"
        );
        assert_eq!(
            update_errors(&RuntimeClass, &class("kata"), &class("runsc")),
            ["handler: Invalid value: \"runsc\": field is immutable"]
        );
        let full = json!({
            "handler": "kata", "overhead": {"podFixed": {"memory": "-1"}},
            "scheduling": {"tolerations": [{"key": "a", "operator": "Maybe"}]},
        });
        assert_eq!(
            create_errors(&RuntimeClass, &full),
            [
                "overhead.podFixed[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
                "scheduling.tolerations[0].operator: Unsupported value: \"Maybe\": supported values: \"Equal\", \"Exists\"",
            ]
        );
    }
}
