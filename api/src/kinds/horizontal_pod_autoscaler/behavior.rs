//! How fast an autoscaler may go up and down.

use serde_json::{Value, json};

use crate::field::Errors;
use crate::kinds::common::defaults::{default_to, ensure};
use crate::kinds::common::{Field, checks};
use crate::{Quantity, names};

/// The longest window of stabilization, and the longest period of a policy, in seconds.
const MAX_WINDOW_SECONDS: i64 = 3600;
const MAX_PERIOD_SECONDS: i64 = 1800;

/// Fills in the rules of both directions, once one of them is there.
pub(super) fn default(behavior: &mut Value) {
    let all = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let four = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    for (direction, policies) in [("scaleUp", json!([four, all])), ("scaleDown", json!([all]))] {
        let Some(rules) = ensure(behavior, direction) else {
            continue;
        };
        default_to(rules, "selectPolicy", "Max");
        if direction == "scaleUp" {
            default_to(rules, "stabilizationWindowSeconds", 0);
        }
        if rules["policies"].is_null() {
            rules["policies"] = policies;
        }
    }
}

/// What is wrong with it.
pub(super) fn validate(behavior: &Field<'_>, errors: &mut Errors) {
    for direction in ["scaleUp", "scaleDown"] {
        let rules = behavior.get(direction);
        if rules.is_set() {
            validate_rules(&rules, errors);
        }
    }
}

fn validate_rules(rules: &Field<'_>, errors: &mut Errors) {
    let window = rules.get("stabilizationWindowSeconds");
    match window.int() {
        Some(..0) => errors.push(window.invalid("must be greater than or equal to zero")),
        Some(seconds) if seconds > MAX_WINDOW_SECONDS => {
            errors.push(window.invalid(format!(
                "must be less than or equal to {MAX_WINDOW_SECONDS}"
            )));
        }
        _ => {}
    }
    let tolerance = rules.get("tolerance");
    let known = Quantity::from_json(tolerance.value());
    if known.is_ok_and(|known| known < Quantity::ZERO) {
        errors.push(tolerance.invalid("must be greater than or equal to 0"));
    }
    let select = rules.get("selectPolicy");
    checks::one_of_if_set(&select, &["Disabled", "Max", "Min"], errors);
    let policies = rules.get("policies");
    if policies.is_set() && policies.is_empty() {
        errors.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        checks::one_of(&policy.get("type"), &["Percent", "Pods"], errors);
        let (value, period) = (policy.get("value"), policy.get("periodSeconds"));
        if value.int().unwrap_or(0) <= 0 {
            errors.push(value.invalid("must be greater than zero"));
        }
        if let Some(seconds) = period.int() {
            let wrong = names::in_range(seconds, 1, MAX_PERIOD_SECONDS);
            errors.extend(period.invalid_each(wrong));
        }
    }
}
