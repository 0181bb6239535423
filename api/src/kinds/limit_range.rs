//! LimitRanges.

use jiff::Timestamp;
use serde_json::Value;

use super::common::defaults::{each, ensure};
use super::common::{Field, cells, checks, describe, quantities};
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Quantity, Strategy, names};

/// What of an item holds amounts by resource.
const AMOUNTS: [&str; 5] = [
    "max",
    "min",
    "default",
    "defaultRequest",
    "maxLimitRequestRatio",
];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("limits"),
        ..describe::namespaced(describe::CORE, "LimitRange", "limitranges", LimitRange)
    }
}

pub(super) struct LimitRange;

impl Strategy for LimitRange {
    fn default(&self, range: &mut Value) {
        let Some(spec) = ensure(range, "spec") else {
            return;
        };
        each(spec, "limits").for_each(default_item);
    }

    fn validate(&self, range: &Value) -> Errors {
        let mut errors = Errors::new();
        let mut types = checks::Seen::new();
        for item in Field::root(range).get("spec").get("limits").items() {
            let kind = item.get("type");
            checks::required(&kind, &mut errors);
            checks::name(&kind, names::qualified_name, &mut errors);
            types.add(kind.str().to_owned(), &kind, &mut errors);
            validate_item(&item, &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![cells::name_column(), Column::new("Created At", "string")]
    }

    fn cells(&self, range: &Value, _now: Timestamp) -> Vec<Value> {
        let created = range["metadata"]["creationTimestamp"].clone();
        vec![cells::name(range), created]
    }
}

/// A container's limit is the greatest if none is said, its request the limit, else the least.
fn default_item(item: &mut Value) {
    if item["type"] != "Container" {
        return;
    }
    for (into, from) in [
        ("default", "max"),
        ("defaultRequest", "default"),
        ("defaultRequest", "min"),
    ] {
        let amounts = item[from].as_object().cloned().unwrap_or_default();
        let Some(into) = ensure(item, into) else {
            continue;
        };
        for (resource, amount) in amounts {
            if into[&resource].is_null() {
                into[&resource] = amount;
            }
        }
    }
}

fn validate_item(item: &Field<'_>, errors: &mut Errors) {
    let kind = item.get("type").str();
    let mut resources: Vec<&str> = Vec::new();
    for amounts in AMOUNTS {
        for (resource, amount) in item.get(amounts).entries() {
            resource_name(resource, &amount, errors);
            if quantities::checked(&amount, errors).is_some() && !resources.contains(&resource) {
                resources.push(resource);
            }
        }
    }
    if kind == "Pod" {
        for defaults in ["default", "defaultRequest"] {
            if !item.get(defaults).is_empty() {
                let words = "may not be specified when `type` is 'Pod'";
                errors.push(item.get(defaults).forbidden(words));
            }
        }
    }
    let bounds = ["min", "max"];
    if kind == "PersistentVolumeClaim"
        && !bounds
            .iter()
            .any(|bound| item.get(bound).key("storage").is_set())
    {
        let words = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(item.get("limits").required(words));
    }
    for resource in resources {
        compare(item, resource, errors);
    }
}

fn resource_name(resource: &str, amount: &Field<'_>, errors: &mut Errors) {
    for words in names::qualified_name(resource) {
        errors.push(Error::invalid(amount.path(), resource, words));
    }
}

/// What is wrong with the amounts of one resource, each on its own being sound.
fn compare(item: &Field<'_>, resource: &str, errors: &mut Errors) {
    let amount = |of: &str| Quantity::from_json(item.get(of).key(resource).value()).ok();
    /// `(lesser, its words, greater, its words, the field that is blamed)`
    const ORDER: [(&str, &str, &str, &str, &str); 6] = [
        ("min", "min value", "max", "max value", "min"),
        (
            "min",
            "min value",
            "defaultRequest",
            "default request value",
            "defaultRequest",
        ),
        (
            "defaultRequest",
            "default request value",
            "max",
            "max value",
            "defaultRequest",
        ),
        (
            "defaultRequest",
            "default request value",
            "default",
            "default limit value",
            "defaultRequest",
        ),
        ("min", "min value", "default", "default value", "default"),
        ("default", "default value", "max", "max value", "default"),
    ];
    for (lesser, lesser_words, greater, greater_words, blamed) in ORDER {
        if let (Some(less), Some(more)) = (amount(lesser), amount(greater))
            && less > more
        {
            let words = format!("{lesser_words} {less} is greater than {greater_words} {more}");
            errors.push(item.get(blamed).key(resource).invalid(words));
        }
    }
    let Some(ratio) = amount("maxLimitRequestRatio") else {
        return;
    };
    let field = item.get("maxLimitRequestRatio").key(resource);
    if ratio < Quantity::from_value(1) {
        errors.push(field.invalid(format!("ratio {ratio} is less than 1")));
    }
    if let (Some(min), Some(max)) = (amount("min"), amount("max"))
        && !min.is_zero()
        && ratio.as_f64() > max.as_f64() / min.as_f64()
    {
        let greatest = max.as_f64() / min.as_f64();
        errors.push(field.invalid(format!(
            "ratio {ratio} is greater than max/min = {greatest:.6}"
        )));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{create_errors, created};

    fn range(item: Value) -> Value {
        json!({"metadata": {"name": "a"}, "spec": {"limits": [item]}})
    }

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        let item = json!({"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "min": {"cpu": "1"}, "default": {"memory": "512Mi"}});
        let created = created(&LimitRange, &range(item));
        let item = &created["spec"]["limits"][0];
        assert_eq!(item["default"], json!({"memory": "512Mi", "cpu": "2"}));
        assert_eq!(
            item["defaultRequest"],
            json!({"memory": "512Mi", "cpu": "2"})
        );
    }

    #[test]
    fn what_users_get_wrong() {
        let cases = [
            (
                json!({"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}}),
                vec![
                    "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
                    "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than max value 1",
                    "spec.limits[0].default[cpu]: Invalid value: \"2\": default value 2 is greater than max value 1",
                ],
            ),
            (
                json!({"type": "Pod", "default": {"cpu": "1"}}),
                vec![
                    "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
                ],
            ),
            (
                json!({"type": "PersistentVolumeClaim"}),
                vec![
                    "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
                ],
            ),
            (
                json!({"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}}),
                vec![
                    "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater than max/min = 2.000000",
                ],
            ),
        ];
        for (item, expected) in cases {
            assert_eq!(create_errors(&LimitRange, &range(item)), expected);
        }
    }
}
