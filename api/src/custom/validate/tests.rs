//! What is refused, in which words.

use serde_json::{Value, json};

use super::*;

fn wrong(schema: Value, value: Value) -> Vec<String> {
    let shape = Shape::compile(&json!({
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"x": schema}}},
    }));
    let object = json!({"spec": {"x": value}});
    let errors = validate(&shape, &object, None);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn errors_are_worded_as_the_api_server_words_them() {
    let cases = [
        (
            json!({"type": "integer"}),
            json!("a"),
            r#"spec.x: Invalid value: "string": spec.x in body must be of type integer: "string""#,
        ),
        (
            json!({"type": "string"}),
            json!(null),
            r#"spec.x: Invalid value: "null": spec.x in body must be of type string: "null""#,
        ),
        (
            json!({"type": "integer", "maximum": 10}),
            json!(20),
            "spec.x: Invalid value: 20: spec.x in body should be less than or equal to 10",
        ),
        (
            json!({"type": "integer", "minimum": 1}),
            json!(0),
            "spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1",
        ),
        (
            json!({"type": "number", "minimum": 0.5, "exclusiveMinimum": true}),
            json!(0.5),
            "spec.x: Invalid value: 0.5: spec.x in body should be greater than 0.5",
        ),
        (
            json!({"type": "integer", "multipleOf": 5}),
            json!(7),
            "spec.x: Invalid value: 7: spec.x in body should be a multiple of 5",
        ),
        (
            json!({"type": "string", "pattern": "^a+$"}),
            json!("b"),
            r#"spec.x: Invalid value: "b": spec.x in body should match '^a+$'"#,
        ),
        (
            json!({"type": "string", "enum": ["A", "B"]}),
            json!("C"),
            r#"spec.x: Unsupported value: "C": supported values: "A", "B""#,
        ),
        (
            json!({"type": "string", "maxLength": 2}),
            json!("abc"),
            "spec.x: Too long: may not be more than 2 bytes",
        ),
        (
            json!({"type": "string", "minLength": 2}),
            json!("a"),
            r#"spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long"#,
        ),
        (
            json!({"type": "string", "format": "ipv4"}),
            json!("a"),
            r#"spec.x: Invalid value: "a": spec.x in body must be of type ipv4: "a""#,
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 1}),
            json!(["a", "b"]),
            "spec.x: Too many: 2: must have at most 1 items",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            json!([]),
            "spec.x: Invalid value: []: spec.x in body should have at least 1 items",
        ),
        (
            json!({"type": "array", "items": {"type": "object", "required": ["a"]}}),
            json!([{}]),
            "spec.x[0].a: Required value",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
            json!(["a", "a"]),
            r#"spec.x[1]: Duplicate value: "a""#,
        ),
        (
            json!({
                "type": "array", "items": {"type": "object"},
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            }),
            json!([{"k": 1}, {"k": 1, "v": 2}]),
            r#"spec.x[1]: Duplicate value: {"k":1}"#,
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
            json!({"a": 1}),
            r#"spec.x.a: Invalid value: "integer": spec.x.a in body must be of type boolean: "integer""#,
        ),
        (
            json!({"type": "object", "x-kubernetes-embedded-resource": true}),
            json!({"apiVersion": "v1"}),
            "spec.x.kind: Required value: must not be empty",
        ),
        (
            json!({"type": "object", "not": {"required": ["a"]}}),
            json!({"a": 1}),
            r#"<nil>: Invalid value: "": "spec.x" must not validate the schema (not)"#,
        ),
        (
            json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({"a": 1, "b": 1}),
            r#"<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ),
    ];
    for (schema, value, words) in cases {
        assert_eq!(wrong(schema.clone(), value), [words], "{schema}");
    }
}

#[test]
fn alternatives_tell_the_nearest_failure() {
    let words = wrong(
        json!({"type": "object", "anyOf": [{"required": ["a", "b"]}, {"required": ["c"]}]}),
        json!({}),
    );
    let any = r#"<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)"#;
    assert_eq!(words, [any, "spec.x.c: Required value"]);
}

#[test]
fn sound_values_pass() {
    let cases = [
        (json!({"type": "integer"}), json!(1.0)),
        (json!({"type": "number"}), json!(1)),
        (json!({"type": "string", "nullable": true}), json!(null)),
        (json!({"x-kubernetes-int-or-string": true}), json!("50%")),
        (json!({"x-kubernetes-int-or-string": true}), json!(50)),
        (
            json!({"x-kubernetes-preserve-unknown-fields": true}),
            json!([1]),
        ),
    ];
    for (schema, value) in cases {
        assert_eq!(wrong(schema.clone(), value), [""; 0], "{schema}");
    }
}

#[test]
fn what_stays_as_it_was_is_not_judged_again() {
    let shape = Shape::compile(&json!({
        "type": "object",
        "properties": {
            "a": {"type": "integer", "maximum": 1},
            "b": {"type": "integer"},
            "list": {
                "type": "array",
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "properties": {"v": {"type": "integer", "maximum": 1}}},
            },
        },
    }));
    let old = json!({"a": 5, "b": 1, "list": [{"k": 1, "v": 5}]});
    let new = json!({"a": 5, "b": 2, "list": [{"k": 2, "v": 1}, {"k": 1, "v": 5}]});
    assert_eq!(validate(&shape, &new, Some(&old)), []);
    assert_eq!(validate(&shape, &new, None).len(), 2);

    // Items of a set have no keys by which they would be the ones from before.
    let set = json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"enum": ["a"]}});
    let set = Shape::compile(&set);
    assert_eq!(validate(&set, &json!(["b"]), Some(&json!(["b"]))), []);
    assert_eq!(
        validate(&set, &json!(["b", "a"]), Some(&json!(["b"]))).len(),
        1
    );
}
