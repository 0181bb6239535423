//! What the rules in CEL of a schema may cost, estimated: a definition whose rules could take an API server's time is refused
//! (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation).

use crate::custom::cost::{most_often, of_expression};
use crate::field::{Error, Errors, Path};
use crate::kinds::common::Field;

/// For each expression, with all places at which it is evaluated (StaticEstimatedCostLimit).
const PER_EXPRESSION: u64 = 10_000_000;
/// For all rules of a schema (StaticEstimatedCRDCostLimit).
const PER_SCHEMA: u64 = 100_000_000;
/// How many of the rules are named if their sum is too large.
const NAMED: usize = 4;

/// Refuses a schema whose rules may cost too much.
pub(super) fn validate(schema: &Field<'_>, errors: &mut Errors) {
    let mut seen = Seen {
        errors,
        all: Vec::new(),
    };
    seen.look(schema, Some(1));
    let Seen { mut all, .. } = seen;
    let total = all
        .iter()
        .fold(0, |sum: u64, (_, cost)| sum.saturating_add(*cost));
    if total <= PER_SCHEMA {
        return;
    }
    all.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
    let words =
        "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    let named = all.iter().take(NAMED);
    errors.extend(named.map(|(path, _)| Error::forbidden(path, words)));
    let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
    errors.push(schema.forbidden(exceeds(what, total, PER_SCHEMA)));
}

struct Seen<'e> {
    errors: &'e mut Errors,
    /// All expressions with what they cost.
    all: Vec<(Path, u64)>,
}

impl Seen<'_> {
    /// Looks at a schema whose values may stand so often in an object; `None` if nothing bounds that.
    fn look(&mut self, schema: &Field<'_>, often: Option<u64>) {
        for rule in schema.get("x-kubernetes-validations").items() {
            self.rule(&rule, schema, often);
        }
        for (_, property) in schema.get("properties").entries() {
            self.look(&property, often);
        }
        for (inner, bound) in [
            ("items", "maxItems"),
            ("additionalProperties", "maxProperties"),
        ] {
            let each = schema.get(inner);
            if each.value().is_object() {
                let most = schema.get(bound).value().as_u64();
                let often = often.and_then(|often| Some(often.saturating_mul(most?)));
                self.look(&each, often);
            }
        }
    }

    fn rule(&mut self, rule: &Field<'_>, schema: &Field<'_>, often: Option<u64>) {
        let often = often.unwrap_or_else(|| most_often(schema.value()));
        for (name, what, times) in [
            ("rule", "estimated rule cost", often),
            // There is one message for all.
            ("messageExpression", "estimated messageExpression cost", 1),
        ] {
            let text = rule.get(name);
            if text.is_empty() {
                continue;
            }
            // What is wrong with one that is none is said elsewhere.
            let Some(cost) = of_expression(text.str(), schema.value()) else {
                continue;
            };
            let cost = cost.saturating_mul(times);
            if cost > PER_EXPRESSION {
                self.errors
                    .push(text.forbidden(exceeds(what, cost, PER_EXPRESSION)));
            }
            self.all.push((text.path().clone(), cost));
        }
    }
}

fn exceeds(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wrong(schema: &Value) -> Vec<String> {
        let mut errors = Errors::new();
        let path = Path::root("spec")
            .child("validation")
            .child("openAPIV3Schema");
        validate(&Field::at(path, schema), &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }

    fn costs(rule: &str, schema: Value) -> u64 {
        of_expression(rule, &schema).unwrap()
    }

    #[test]
    fn a_rule_costs_what_its_schema_lets_it_cost() {
        let integers =
            |most: Value| json!({"type": "array", "items": {"type": "integer"}, "maxItems": most});
        assert_eq!(costs("self.all(x, true)", integers(Value::Null)), 4_718_591);
        assert_eq!(costs("self.all(x, true)", integers(json!(10))), 32);
        assert_eq!(costs("self.size() < 5", integers(Value::Null)), 3);
        let text = |most: Value| json!({"type": "string", "maxLength": most});
        assert_eq!(costs("self.matches('abcd')", text(Value::Null)), 314_574);
        assert_eq!(costs("self.matches('abcd')", text(json!(10))), 6);
        assert_eq!(costs("self.contains('abcd')", text(json!(10))), 5);
        assert_eq!(costs("self.startsWith('abcd')", text(Value::Null)), 2);
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 10});
        assert_eq!(
            costs("self.all(k, has(self.a) && self[k].size() < 3)", map),
            92
        );
        let nested = json!({"type": "array", "maxItems": 10, "items": {
            "type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 5},
        }});
        assert_eq!(costs("self.all(x, x.exists(y, y == 'abc'))", nested), 652);
        let object = json!({"type": "object", "properties": {"a-b": {"type": "integer"}}});
        assert_eq!(
            costs("self.a__dash__b > 1 ? true : self.a__dash__b < 0", object),
            6
        );
    }

    #[test]
    fn what_costs_too_much_is_refused_with_its_factor() {
        let hint = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
        let list = |rule: &str, items: Value, most: Value| {
            json!({"type": "object", "properties": {"list": {
                "type": "array", "items": items, "maxItems": most,
                "x-kubernetes-validations": [{"rule": rule}],
            }}})
        };
        let pairs = "self.all(x, self.all(y, x == y))";
        let at = "spec.validation.openAPIV3Schema.properties[list]";
        let refused = |factor: &str| {
            format!(
                "{at}.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of {factor} {hint}"
            )
        };
        let short = json!({"type": "string", "maxLength": 25});
        assert_eq!(wrong(&list(pairs, short.clone(), json!(100))), [""; 0]);
        assert_eq!(
            wrong(&list(pairs, short.clone(), json!(900))),
            [refused("1.215450x")]
        );
        assert_eq!(
            wrong(&list(pairs, short.clone(), json!(2000)))[0],
            refused("6.0x")
        );
        let told = wrong(&list(pairs, short, Value::Null));
        assert_eq!(told[0], refused("more than 100x"));
        assert_eq!(told.len(), 3, "the sum is too large as well: {told:?}");

        // Within a list a rule counts as often as there may be items.
        let items = |most: Value| {
            let rule = json!([{"rule": "self.name.matches('^[a-z]+$')"}]);
            let name = json!({"type": "string", "maxLength": 60});
            let item = json!({"type": "object", "properties": {"name": name}, "x-kubernetes-validations": rule});
            wrong(&list("true", item, most))
        };
        assert_eq!(items(json!(64)), [""; 0]);
        assert!(
            items(Value::Null)[0].contains("exceeds budget by factor of 5.5x"),
            "{:?}",
            items(Value::Null)
        );
    }

    /// As HTTPRoutes of the Gateway API have them, which are near the limit.
    #[test]
    fn rules_that_people_use_are_cheap_enough() {
        let path = json!({
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["Exact", "PathPrefix", "RegularExpression"], "default": "PathPrefix"},
                "value": {"type": "string", "maxLength": 1024, "default": "/"},
            },
            "x-kubernetes-validations": [
                {"rule": "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('//') : true"},
                {"rule": r#"(self.type in ['Exact','PathPrefix']) ? self.value.matches(r"""^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$""") : true"#},
            ],
        });
        let matches = json!({"type": "array", "maxItems": 64, "items": {
            "type": "object", "properties": {"path": path},
        }});
        let rules = json!({
            "type": "array", "maxItems": 16,
            "items": {"type": "object", "properties": {"matches": matches}},
            "x-kubernetes-validations": [{"rule": "(self.size() > 0 ? self[0].matches.size() : 0) + (self.size() > 1 ? self[1].matches.size() : 0) <= 128"}],
        });
        let listeners = json!({
            "type": "array", "maxItems": 64,
            "items": {"type": "object", "properties": {
                "name": {"type": "string", "maxLength": 253}, "port": {"type": "integer"}, "hostname": {"type": "string", "maxLength": 253},
            }},
            "x-kubernetes-validations": [
                {"rule": "self.all(l1, self.exists_one(l2, l1.port == l2.port && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))"},
            ],
        });
        let schema =
            json!({"type": "object", "properties": {"rules": rules, "listeners": listeners}});
        assert_eq!(wrong(&schema), [""; 0]);
    }

    #[test]
    fn many_rules_are_counted_together() {
        let list = json!({
            "type": "array", "items": {"type": "integer"},
            "x-kubernetes-validations": [{"rule": "self.all(x, true)"}],
        });
        let lists = |count: usize| {
            let names = (0..count).map(|index| (format!("list{index}"), list.clone()));
            json!({"type": "object", "properties": names.collect::<serde_json::Map<_, _>>()})
        };
        assert_eq!(wrong(&lists(21)), [""; 0]);
        let told = wrong(&lists(22));
        let words = "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        assert_eq!(
            told.iter().filter(|told| told.ends_with(words)).count(),
            NAMED
        );
        let words = "spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of 1.038090x (";
        assert!(told[NAMED].starts_with(words), "{told:?}");
    }
}
