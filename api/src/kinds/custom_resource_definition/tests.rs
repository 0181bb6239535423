//! What users of definitions see and get wrong.

use serde_json::{Value, json};

use super::*;
use crate::kinds::common::testing::{create_errors, created, update_errors};

fn definition() -> Value {
    json!({
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                }},
            }],
        },
    })
}

/// A definition with another value at a JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut definition = definition();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    definition.pointer_mut(parent).unwrap()[field] = value;
    definition
}

const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";
const SIZE: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size";

#[test]
fn names_follow_from_the_kind() {
    let stored = created(&CustomResourceDefinition, &definition());
    let names =
        json!({"plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList"});
    assert_eq!(stored["spec"]["names"], names);
    assert_eq!(stored["spec"]["conversion"], json!({"strategy": "None"}));
    assert_eq!(stored["status"]["storedVersions"], json!(["v1"]));
    assert_eq!(
        create_errors(&CustomResourceDefinition, &definition()),
        [""; 0]
    );
}

#[test]
fn what_users_get_wrong() {
    let place = "spec.validation.openAPIV3Schema";
    let size = format!("{place}.properties[spec].properties[size]");
    let cases = [
        (
            with("/metadata/name", json!("thing.example.com")),
            r#"metadata.name: Invalid value: "thing.example.com": must be spec.names.plural+"."+spec.group"#.to_owned(),
        ),
        (
            with("/spec/scope", json!("Global")),
            r#"spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced""#.into(),
        ),
        (
            with("/spec/names/listKind", json!("Thing")),
            r#"spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same"#.into(),
        ),
        (
            with("/spec/versions/0/storage", json!(false)),
            r#"spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version"#.into(),
        ),
        (
            with("/spec/versions/0/schema", json!(null)),
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required".into(),
        ),
        (
            with("/spec/preserveUnknownFields", json!(true)),
            "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead".into(),
        ),
        (
            with(SCHEMA, json!({"type": "array", "items": {"type": "string"}})),
            format!("{place}.type: Invalid value: \"array\": must be object at the root"),
        ),
        (
            with(SIZE, json!({"minimum": 1})),
            format!("{size}.type: Required value: must not be empty for specified object fields"),
        ),
        (
            with(SIZE, json!({"type": "string", "pattern": "("})),
            format!("{size}.pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: "),
        ),
        (
            with(SIZE, json!({"type": "integer", "default": "a"})),
            format!("{size}.default: Invalid value: \"string\": must be of type integer: \"string\""),
        ),
        (
            with(SIZE, json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self >"}]})),
            format!("{size}.x-kubernetes-validations[0].rule: Invalid value: \"self >\": compilation failed: "),
        ),
        (
            with(SIZE, json!({"type": "object", "properties": {"x": {"type": "integer"}}, "x-kubernetes-validations": [{"rule": "self.x > 1 && self.z == 100"}]})),
            format!("{size}.x-kubernetes-validations[0].rule: Invalid value: \"self.x > 1 && self.z == 100\": compilation failed: ERROR: <input>:1:19: undefined field 'z'\n | "),
        ),
        (
            with(SIZE, json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > '1'"}]})),
            format!("{size}.x-kubernetes-validations[0].rule: Invalid value: \"self > '1'\": compilation failed: ERROR: <input>:1:6: found no matching overload for '_>_' applied to '(int, string)'"),
        ),
        (
            with(SIZE, json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self + 1"}]})),
            format!("{size}.x-kubernetes-validations[0].rule: Invalid value: \"self + 1\": cel expression must evaluate to a bool"),
        ),
        (
            with(SIZE, json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 1", "messageExpression": "self"}]})),
            format!("{size}.x-kubernetes-validations[0].messageExpression: Invalid value: \"self\": messageExpression must evaluate to a string"),
        ),
        (
            with(SIZE, json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"})),
            format!("{size}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"),
        ),
        (
            with(SIZE, json!({"type": "object", "properties": {}, "anyOf": [{"properties": {"a": {}}}]})),
            format!("{size}.properties[a]: Required value: because it is defined in {size}.anyOf[0].properties[a]"),
        ),
        (
            with(SIZE, json!({"type": "object", "allOf": [{"type": "object"}]})),
            format!("{size}.allOf[0].type: Forbidden: must be empty to be structural"),
        ),
        (
            with("/spec/versions/0/subresources", json!({"scale": {"specReplicasPath": ".replicas", "statusReplicasPath": ".status.replicas"}})),
            r#"spec.subresources.scale.specReplicasPath: Invalid value: ".replicas": should be a json path under .spec"#.into(),
        ),
        (
            with("/spec/versions/0/additionalPrinterColumns", json!([{"name": "Size", "type": "text", "jsonPath": ".spec.size"}])),
            r#"spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string"#.into(),
        ),
        (
            with("/spec/conversion", json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}})),
            "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook".into(),
        ),
        (
            with("/spec/conversion", json!({"strategy": "Webhook", "webhook": {
                "conversionReviewVersions": ["v2"], "clientConfig": {"url": "https://a/convert"},
            }})),
            r#"spec.conversion.conversionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1"#.into(),
        ),
        (
            with("/spec/versions/0/deprecationWarning", json!("old")),
            r#"spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions"#.into(),
        ),
        (
            with(SIZE, json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 1", "reason": "Odd"}]})),
            format!("{size}.x-kubernetes-validations[0].reason: Unsupported value: \"Odd\": supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\""),
        ),
        (
            with(SIZE, json!({"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-validations": [{"rule": "true", "fieldPath": ".b"}]})),
            format!("{size}.x-kubernetes-validations[0].fieldPath: Invalid value: \".b\": fieldPath must be a valid path"),
        ),
        (
            with(SIZE, json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false})),
            format!("{size}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"),
        ),
    ];
    for (definition, words) in cases {
        let errors = create_errors(&CustomResourceDefinition, &definition);
        assert!(errors[0].starts_with(&words), "{errors:?}\nis not\n{words}");
    }
}

#[test]
fn what_versions_do_not_share_is_their_own() {
    let mut second = definition()["spec"]["versions"][0].clone();
    second["name"] = json!("v2");
    second["storage"] = json!(false);
    let mut two = with(SIZE, json!({"minimum": 1}));
    two["spec"]["versions"] = json!([two["spec"]["versions"][0], second]);
    let errors = create_errors(&CustomResourceDefinition, &two);
    let place = "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[size].type: ";
    assert!(errors[0].starts_with(place), "{errors:?}");
    two["spec"]["versions"][1]["schema"] = two["spec"]["versions"][0]["schema"].clone();
    let errors = create_errors(&CustomResourceDefinition, &two);
    let place = "spec.validation.openAPIV3Schema.properties[spec].properties[size].type: ";
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with(place), "{errors:?}");
}

#[test]
fn where_the_webhook_of_a_conversion_is() {
    let service = json!({"namespace": "a", "name": "b"});
    let conversion = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1"], "clientConfig": {"service": service},
    }});
    let stored = created(
        &CustomResourceDefinition,
        &with("/spec/conversion", conversion),
    );
    let client = &stored["spec"]["conversion"]["webhook"]["clientConfig"];
    assert_eq!(client["service"]["port"], 443);
}

#[test]
fn groups_of_the_community_are_approved() {
    let mut gateway = definition();
    gateway["metadata"]["name"] = json!("things.gateway.networking.k8s.io");
    gateway["spec"]["group"] = json!("gateway.networking.k8s.io");
    let errors = create_errors(&CustomResourceDefinition, &gateway);
    assert!(
        errors[0].starts_with(
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups"
        ),
        "{errors:?}"
    );
    gateway["metadata"]["annotations"] =
        json!({"api-approved.kubernetes.io": "https://example.com"});
    assert_eq!(create_errors(&CustomResourceDefinition, &gateway), [""; 0]);
}

#[test]
fn what_is_served_stays_what_it_is() {
    let mut old = definition();
    let mut new = definition();
    new["spec"]["scope"] = json!("Cluster");
    assert_eq!(
        update_errors(&CustomResourceDefinition, &old, &new),
        [""; 0]
    );
    old["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
    let stored = json!({"storedVersions": ["v0", "v1"]});
    let mut checked = new.clone();
    checked["status"] = stored;
    let errors = CustomResourceDefinition.validate_update(&checked, &old);
    assert_eq!(
        errors[0].to_string(),
        r#"spec.scope: Invalid value: "Cluster": field is immutable"#
    );
    let errors = CustomResourceDefinition.validate_status(&checked, &old);
    assert!(
        errors[0].to_string().starts_with(
            r#"status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was"#
        ),
        "{errors:?}"
    );
}

#[test]
fn rules_that_fit_their_schema_are_taken() {
    let spec = json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer"}, "ratio": {"type": "number"}, "on": {"type": "boolean"},
            "x-y": {"type": "string", "maxLength": 9},
            "since": {"type": "string", "format": "date-time"},
            "wait": {"type": "string", "format": "duration"},
            "port": {"x-kubernetes-int-or-string": true},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "list": {"type": "array", "maxItems": 9, "items": {"type": "object", "properties": {"k": {"type": "string", "maxLength": 9}}}},
            "map": {"type": "object", "maxProperties": 9, "additionalProperties": {"type": "integer"}},
            "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
        },
    });
    for rule in [
        "self.n > 1.5 && self.ratio < 2 && self.n + 1 == -self.n",
        "self.on || !self.on ? self.x__dash__y + 'a' == 'b' : self.x__dash__y.size() > 1",
        "self.since < timestamp('2026-01-01T00:00:00Z') && self.since + self.wait > self.since",
        "self.since - self.since < duration('1h') && self.wait == duration('1s')",
        "self.port == 1 || self.port == 'http' || self.open.any.thing > 'x'",
        "self.list.all(i, i.k != '') && self.list.exists_one(i, i.k.startsWith('a'))",
        "self.list.map(i, i.k).join(',') == self.list[0].k && self.list.filter(i, i.k == 'a').size() == 1",
        "self.map.all(k, self.map[k] > 1 && k != 'a') && 'a' in self.map && self.map.a == 1",
        "self.pod.metadata.name == 'a' && self.pod.kind != 'b' && has(self.pod.spec)",
        "self == oldSelf || has(oldSelf.n) && self.n >= oldSelf.n",
        "self.?n.orValue(1) > 0 && self.list.isSorted() == true && self.list == []",
        "self.n == null || type(self.n) == int || dyn(self.n) == 'a' || string(self.n) == '1'",
    ] {
        let mut ruled = spec.clone();
        ruled["x-kubernetes-validations"] =
            json!([{"rule": rule, "messageExpression": "'no ' + string(self.n)"}]);
        let errors = create_errors(&CustomResourceDefinition, &with(SIZE, ruled));
        assert!(errors.is_empty(), "{rule}: {errors:?}");
    }
}
