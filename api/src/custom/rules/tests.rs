//! What rules say of objects.

use serde_json::json;

use super::*;

fn broken(rules: Value, spec: Value, old: Option<Value>) -> Vec<String> {
    let schema = json!({
        "type": "object",
        "properties": {"spec": {
            "type": "object",
            "properties": {
                "min": {"type": "integer"},
                "max": {"type": "integer"},
                "name": {"type": "string"},
                "list": {"type": "array", "items": {"type": "string"}},
            },
            "x-kubernetes-validations": rules,
        }},
    });
    let shape = Shape::compile(&schema);
    let old = old.map(|old| json!({"spec": old}));
    let errors = super::broken(&shape, &json!({"spec": spec}), old.as_ref());
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn broken_rules_are_told_as_the_api_server_tells_them() {
    let order = json!({"rule": "self.min <= self.max", "message": "min must not be above max"});
    let cases = [
        (order.clone(), json!({"min": 1, "max": 2}), None, None),
        (
            order,
            json!({"min": 3, "max": 2}),
            None,
            Some(r#"spec: Invalid value: "object": min must not be above max"#),
        ),
        (
            json!({"rule": "self.min > 0"}),
            json!({"min": 0}),
            None,
            Some(r#"spec: Invalid value: "object": failed rule: self.min > 0"#),
        ),
        (
            json!({"rule": "self.min > 0", "messageExpression": "'min is ' + string(self.min)"}),
            json!({"min": 0}),
            None,
            Some(r#"spec: Invalid value: "object": min is 0"#),
        ),
        (
            json!({"rule": "self.min > 0", "message": "no", "fieldPath": ".min", "reason": "FieldValueForbidden"}),
            json!({"min": 0}),
            None,
            Some("spec.min: Forbidden: no"),
        ),
        (
            json!({"rule": "self.name == oldSelf.name", "message": "name is fixed"}),
            json!({"name": "a"}),
            None,
            None,
        ),
        (
            json!({"rule": "self.name == oldSelf.name", "message": "name is fixed"}),
            json!({"name": "a"}),
            Some(json!({"name": "b"})),
            Some(r#"spec: Invalid value: "object": name is fixed"#),
        ),
        (
            json!({"rule": "!has(self.list) || self.list.all(x, x.startsWith('a'))", "message": "only a"}),
            json!({"list": ["ab", "b"]}),
            None,
            Some(r#"spec: Invalid value: "object": only a"#),
        ),
    ];
    for (rule, spec, old, words) in cases {
        let told = broken(json!([rule]), spec, old);
        assert_eq!(told.first().map(String::as_str), words, "{rule}");
    }
}

#[test]
fn a_rule_may_be_deep_but_not_bottomless() {
    let sum = |terms: usize| format!("self.min{} > 0", " + 1".repeat(terms));
    assert_eq!(wrong_with(&sum(100)), None);
    let told = broken(json!([{"rule": sum(100)}]), json!({"min": 1}), None);
    assert_eq!(told, Vec::<String>::new());
    let parentheses = format!("{}self.min > 0{}", "(".repeat(2000), ")".repeat(2000));
    for rule in [sum(2000), parentheses] {
        let words = wrong_with(&rule).unwrap_or_default();
        assert!(words.starts_with("compilation failed: "), "{words}");
    }
}

#[test]
fn rules_that_are_none() {
    assert_eq!(wrong_with("self.a > 1"), None);
    assert_eq!(
        wrong_with("type(self.a) == int && self.b.all(x, x in oldSelf.b)"),
        None
    );
    assert!(
        wrong_with("other.a > 1")
            .unwrap()
            .contains("undeclared reference to 'other'")
    );
    assert!(
        wrong_with("self.a >")
            .unwrap()
            .starts_with("compilation failed: ")
    );
    assert!(!Shape::compile(&json!({"type": "object"})).is_ruled);
}

#[test]
fn values_are_what_their_schema_says() {
    let shape = Shape::compile(&json!({
        "type": "object",
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "day": {"type": "string", "format": "date"},
            "for": {"type": "string", "format": "duration"},
            "data": {"type": "string", "format": "byte"},
            "ratio": {"type": "number"},
            "port": {"x-kubernetes-int-or-string": true},
            "snake_case": {"type": "integer"},
            "x-y": {"type": "integer"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "x-kubernetes-validations": [
            {"rule": "self.at > timestamp('2025-01-01T00:00:00Z') && self.day.getFullYear() == 2026"},
            {"rule": "self.__for__ == duration('90s')"},
            {"rule": "self.data.size() == 2"},
            {"rule": "self.ratio == 2.0"},
            {"rule": "type(self.port) == int ? self.port > 1 : self.port == 'http'"},
            {"rule": "self.snake_case == self.x__dash__y"},
            {"rule": "self.labels['a.b/c-d'] == 'e'"},
        ],
    }));
    let object = json!({
        "at": "2026-01-01T00:00:00Z", "day": "2026-01-01", "for": "1m30s", "data": "aGk=", "ratio": 2, "port": 80,
        "snake_case": 1, "x-y": 1, "labels": {"a.b/c-d": "e"},
    });
    let told = super::broken(&shape, &object, None);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn what_did_not_change_is_not_judged_again() {
    let schema = |rule: Value| {
        let item = json!({"type": "object", "x-kubernetes-validations": [rule], "properties": {
            "name": {"type": "string"}, "size": {"type": "integer"},
        }});
        Shape::compile(&json!({"type": "object", "properties": {
            "list": {
                "type": "array", "items": item,
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            },
        }}))
    };
    let list =
        |a: i64, b: i64| json!({"list": [{"name": "b", "size": b}, {"name": "a", "size": a}]});
    let told = |rule: Value, new: &Value, old: Option<&Value>| {
        let errors = super::broken(&schema(rule), new, old);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let small = json!({"rule": "self.size < 3", "message": "too large"});
    let at =
        |index: usize, words: &str| format!("list[{index}]: Invalid value: \"object\": {words}");
    let old = list(5, 1);
    assert_eq!(told(small.clone(), &old, None), [at(1, "too large")]);
    assert_eq!(told(small.clone(), &list(5, 2), Some(&old)), [""; 0]);
    assert_eq!(told(small, &list(6, 1), Some(&old)), [at(1, "too large")]);
    let grows = json!({"rule": "self.size >= oldSelf.size", "message": "it shrinks"});
    assert_eq!(told(grows.clone(), &old, None), [""; 0]);
    assert_eq!(told(grows, &list(4, 1), Some(&old)), [at(1, "it shrinks")]);
    let optional = json!({
        "rule": "oldSelf.hasValue() ? self.size >= oldSelf.value().size : self.size == 1",
        "optionalOldSelf": true, "message": "it grows from 1",
    });
    assert_eq!(
        told(optional.clone(), &old, None),
        [at(1, "it grows from 1")]
    );
    assert_eq!(
        told(optional, &list(6, 0), Some(&old)),
        [at(0, "it grows from 1")]
    );
}

#[test]
fn what_costs_too_much_ends() {
    // Each look at a long text is dear, so that little is done until all is spent.
    let told = |rules: Value| {
        let text = json!({"type": "string", "x-kubernetes-validations": rules});
        let shape = Shape::compile(&json!({"type": "object", "properties": {"text": text}}));
        let errors = super::broken(&shape, &json!({"text": "a".repeat(1 << 20)}), None);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let dear = json!({"rule": "lists.range(200).all(x, self.size() > x)"});
    let words = "text: Invalid value: \"string\": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: lists.range(200).all(x, self.size() > x)";
    assert_eq!(told(json!([dear, {"rule": "false"}])), [words]);

    // Many that are cheap enough by themselves share what there is.
    let some = json!({"rule": "lists.range(80).all(x, self.size() > x)"});
    let words = "text: Invalid value: \"string\": validation failed due to running out of cost budget, no further validation rules will be run";
    assert_eq!(told(vec![some; 20].into()), [words]);
}
