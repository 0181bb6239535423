//! PriorityLevelConfigurations.

use jiff::Timestamp;
use serde_json::Value;

use super::EXEMPT;
use crate::field::Errors;
use crate::kinds::common::defaults::{default_nonzero, default_to, ensure, existing};
use crate::kinds::common::{Field, cells, checks};
use crate::{Column, Strategy, metadata};

/// The share of a level that names none (`DefaultPriorityLevelConfigurationSharesLimited`).
const SHARES: i64 = 30;
const QUEUES: [(&str, i64); 3] = [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)];
const QUEUES_MAX: i64 = 10_000_000;

pub(super) struct PriorityLevel;

impl Strategy for PriorityLevel {
    fn default(&self, level: &mut Value) {
        let Some(spec) = existing(level, "spec") else {
            return;
        };
        match spec["type"].as_str() {
            Some("Exempt") => {
                if let Some(exempt) = ensure(spec, "exempt") {
                    default_to(exempt, "nominalConcurrencyShares", 0);
                    default_to(exempt, "lendablePercent", 0);
                }
            }
            _ => {
                if let Some(limited) = existing(spec, "limited") {
                    default_limited(limited);
                }
            }
        }
    }

    fn validate(&self, level: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(level).get("spec");
        let kind = spec.get("type");
        checks::one_of(&kind, &["Exempt", "Limited"], &mut errors);
        if (metadata::name(level) == EXEMPT) != (kind.str() == "Exempt") {
            let words = "type must be 'Exempt' if and only if name is 'exempt'";
            errors.push(kind.invalid(words));
        }
        let (limited, exempt) = (spec.get("limited"), spec.get("exempt"));
        match kind.str() {
            "Limited" if !limited.is_set() => {
                errors.push(limited.required("must not be empty when type is Limited"));
            }
            "Limited" => validate_limited(&limited, &mut errors),
            "Exempt" if limited.is_set() => {
                errors.push(limited.forbidden("must be nil if the type is not Limited"));
            }
            _ => {}
        }
        if kind.str() == "Limited" && exempt.is_set() {
            errors.push(exempt.forbidden("must be nil if the type is Limited"));
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Type", "string"),
            Column::new("NominalConcurrencyShares", "integer"),
            Column::new("Queues", "integer"),
            Column::new("HandSize", "integer"),
            Column::new("QueueLengthLimit", "integer"),
            cells::age_column(),
        ]
    }

    fn cells(&self, level: &Value, now: Timestamp) -> Vec<Value> {
        let limited = &level["spec"]["limited"];
        let queuing = &limited["limitResponse"]["queuing"];
        let or_none = |number: &Value| match number {
            Value::Null => cells::NONE.into(),
            number => number.clone(),
        };
        vec![
            cells::name(level),
            cells::text(level, "/spec/type").into(),
            or_none(&limited["nominalConcurrencyShares"]),
            or_none(&queuing["queues"]),
            or_none(&queuing["handSize"]),
            or_none(&queuing["queueLengthLimit"]),
            cells::age(level, now),
        ]
    }
}

fn default_limited(limited: &mut Value) {
    default_to(limited, "nominalConcurrencyShares", SHARES);
    default_to(limited, "lendablePercent", 0);
    if let Some(response) = existing(limited, "limitResponse")
        && let Some(queuing) = existing(response, "queuing")
    {
        for (field, number) in QUEUES {
            default_nonzero(queuing, field, number);
        }
    }
}

fn validate_limited(limited: &Field<'_>, errors: &mut Errors) {
    let shares = limited.get("nominalConcurrencyShares");
    if shares.int().is_some_and(|shares| shares < 0) {
        errors.push(shares.invalid("must be a non-negative integer"));
    }
    checks::in_range(&limited.get("lendablePercent"), 0..=100, errors);
    checks::non_negative(&limited.get("borrowingLimitPercent"), errors);
    let response = limited.get("limitResponse");
    let (kind, queuing) = (response.get("type"), response.get("queuing"));
    checks::one_of(&kind, &["Queue", "Reject"], errors);
    match (kind.str(), queuing.is_set()) {
        ("Queue", false) => {
            let words = "must not be empty if limited.limitResponse.type is Limited";
            errors.push(queuing.required(words));
        }
        ("Queue", true) => validate_queuing(&queuing, errors),
        ("Reject", true) => {
            let words = "must be nil if limited.limitResponse.type is not Limited";
            errors.push(queuing.forbidden(words));
        }
        _ => {}
    }
}

fn validate_queuing(queuing: &Field<'_>, errors: &mut Errors) {
    let [queues, hand, limit] = QUEUES.map(|(name, _)| queuing.get(name));
    for field in [&queues, &hand, &limit] {
        if field.int().unwrap_or_default() <= 0 {
            errors.push(field.invalid("must be positive"));
        }
    }
    if queues.int().is_some_and(|queues| queues > QUEUES_MAX) {
        errors.push(queues.invalid(format!("must not be greater than {QUEUES_MAX}")));
    }
    if hand.int() > queues.int() {
        let words = format!(
            "should not be greater than queues ({})",
            queues.int().unwrap_or_default()
        );
        errors.push(hand.invalid(words));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn level(name: &str, spec: Value) -> Value {
        json!({"metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
    }

    #[test]
    fn a_level_in_the_list() {
        let queue = json!({"type": "Queue", "queuing": {}});
        let spec = json!({"type": "Limited", "limited": {"limitResponse": queue}});
        let row = [
            ("Name", json!("low")),
            ("Type", json!("Limited")),
            ("NominalConcurrencyShares", json!(30)),
            ("Queues", json!(64)),
            ("HandSize", json!(8)),
            ("QueueLengthLimit", json!(50)),
            ("Age", json!("5m")),
        ];
        let low = created(&PriorityLevel, &level("low", spec));
        assert_row(&PriorityLevel, &low, &row);
        let exempt = created(&PriorityLevel, &level("exempt", json!({"type": "Exempt"})));
        let shown = PriorityLevel.cells(&exempt, Timestamp::UNIX_EPOCH);
        assert_eq!(shown[2..6], vec![json!("<none>"); 4]);
    }

    #[test]
    fn what_users_get_wrong() {
        let limited =
            |response: Value| json!({"type": "Limited", "limited": {"limitResponse": response}});
        let cases: [(Value, &[&str]); 4] = [
            (limited(json!({"type": "Reject"})), &[]),
            (
                json!({"type": "Exempt"}),
                &[
                    "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'",
                ],
            ),
            (
                json!({"type": "Limited"}),
                &["spec.limited: Required value: must not be empty when type is Limited"],
            ),
            (
                limited(json!({"type": "Queue", "queuing": {"queues": 4}})),
                &[
                    "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: should not be greater than queues (4)",
                ],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(create_errors(&PriorityLevel, &level("low", spec)), expected);
        }
    }
}
