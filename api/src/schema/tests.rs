//! Schemas of the built-in kinds: what is refused, in which words, and what is stored.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Sent;
use crate::testing::any_json;

fn deployment() -> Schema {
    Schema::of("io.k8s.api.apps.v1.Deployment").unwrap()
}

fn object(schema: &str, fields: Value) -> (Schema, Value) {
    let schema = Schema::of(schema).unwrap();
    let mut object = json!({ "apiVersion": "v1", "kind": "X" });
    object
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().cloned().unwrap());
    (schema, object)
}

#[test]
fn wrong_types_are_worded_as_the_api_server_words_them() {
    let pod = "io.k8s.api.core.v1.Pod";
    let cases = [
        (
            "io.k8s.api.apps.v1.Deployment",
            json!({ "spec": { "replicas": "three" } }),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "io.k8s.api.apps.v1.Deployment",
            json!({ "spec": { "replicas": 3_000_000_000_u64 } }),
            "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "io.k8s.api.apps.v1.Deployment",
            json!({ "spec": 1 }),
            "json: cannot unmarshal number into Go struct field Deployment.spec of type v1.DeploymentSpec",
        ),
        (
            pod,
            json!({ "spec": { "containers": {} } }),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            pod,
            json!({ "spec": { "containers": [{ "env": [{ "name": "X", "value": 1 }] }] } }),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
        ),
        (
            pod,
            json!({ "metadata": { "labels": { "a": true } } }),
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            pod,
            json!({ "metadata": { "labels": ["a"] } }),
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            pod,
            json!({ "spec": { "containers": [{ "resources": { "limits": { "cpu": "one" } } }] } }),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            pod,
            json!({ "metadata": { "creationTimestamp": "today" } }),
            r#"parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today""#,
        ),
        (
            "io.k8s.api.core.v1.Secret",
            json!({ "data": { "a": "no!" } }),
            "illegal base64 data at input byte 2",
        ),
        (
            "io.k8s.api.core.v1.Service",
            json!({ "spec": { "ports": [{ "targetPort": true }] } }),
            "json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
        ),
    ];
    for (type_name, fields, words) in cases {
        let (schema, object) = object(type_name, fields);
        assert_eq!(schema.check(&object).type_error.as_deref(), Some(words));
    }
    let words = "json: cannot unmarshal string into Go value of type v1.Deployment";
    assert_eq!(
        deployment().check(&json!("x")).type_error.as_deref(),
        Some(words)
    );
}

#[test]
fn sound_objects_pass() {
    let cases = [
        (
            "io.k8s.api.core.v1.Pod",
            json!({ "spec": { "containers": [{ "name": "a", "resources": { "limits": { "cpu": 1, "memory": "1Gi" } } }] } }),
        ),
        (
            "io.k8s.api.core.v1.Pod",
            json!({ "metadata": { "labels": null }, "spec": null, "status": {} }),
        ),
        (
            "io.k8s.api.core.v1.Service",
            json!({ "spec": { "ports": [{ "targetPort": "http" }, { "targetPort": 80 }] } }),
        ),
        (
            "io.k8s.api.core.v1.Secret",
            json!({ "data": { "a": "aGVsbG8=" } }),
        ),
        (
            "io.k8s.api.apps.v1.ControllerRevision",
            json!({ "data": { "spec": { "anything": [1] } }, "revision": 1 }),
        ),
        (
            "io.k8s.api.coordination.v1.Lease",
            json!({ "spec": { "renewTime": "2026-01-01T00:00:00.000000Z" } }),
        ),
        (
            "io.k8s.api.core.v1.ConfigMap",
            json!({ "data": { "a.b": "x" }, "metadata": { "managedFields": [{ "fieldsV1": { "f:data": {} } }] } }),
        ),
    ];
    for (type_name, fields) in cases {
        let (schema, object) = object(type_name, fields);
        assert_eq!(schema.check(&object), Checked::default(), "{object}");
    }
}

fn sent() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "a", "labels": { "any": "key" } },
        "spec": { "replica": 1, "template": { "spec": { "containers": [{ "name": "a", "imag": "x" }] } } },
    })
}

#[test]
fn unknown_fields_are_treated_as_asked() {
    let found = [
        r#"unknown field "spec.template.spec.containers[0].imag""#,
        r#"unknown field "spec.replica""#,
        r#"duplicate field "spec.paused""#,
    ];
    let text = br#"{"spec": {"paused": true, "template": {"spec": {"containers": [{"imag": "x"}]}}, "replica": 1, "paused": true}}"#;
    let conform = |validation| {
        let mut object = sent();
        let sent = Sent {
            text,
            duplicates: &["spec.paused".to_owned()],
        };
        let warnings = deployment().conform(&mut object, sent, validation)?;
        assert_eq!(
            object["spec"],
            json!({ "template": { "spec": { "containers": [{ "name": "a" }] } } })
        );
        Ok::<_, crate::Status>(warnings)
    };
    assert_eq!(
        conform(FieldValidation::Ignore).unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(conform(FieldValidation::Warn).unwrap(), found);
    let refused = conform(FieldValidation::Strict).unwrap_err();
    let words = format!(
        r#"Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: {}"#,
        found.join(", ")
    );
    assert_eq!((refused.code(), refused.message), (400, words));
}

#[test]
fn a_wrong_type_is_refused_however_fields_are_validated() {
    let mut object = sent();
    object["spec"]["replicas"] = json!("1");
    let refused = deployment()
        .conform(&mut object, Sent::default(), FieldValidation::Ignore)
        .unwrap_err();
    let words = r#"Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"#;
    assert_eq!((refused.code(), refused.message.as_str()), (400, words));
}

#[test]
fn objects_are_stored_in_canonical_form() {
    let (schema, mut object) = object(
        "io.k8s.api.core.v1.Pod",
        json!({
            "metadata": { "creationTimestamp": "2026-01-01T01:00:00.5+01:00", "labels": { "a": null }, "uid": null },
            "spec": {
                "containers": [null, { "args": [null], "resources": { "limits": { "cpu": "0.5", "memory": 1024.0 } } }],
                "priority": 5.0,
                "tolerations": null,
            },
        }),
    );
    schema.prune(&mut object);
    let expected = json!({
        "apiVersion": "v1",
        "kind": "X",
        "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z", "labels": { "a": "" } },
        "spec": {
            "containers": [{}, { "args": [""], "resources": { "limits": { "cpu": "500m", "memory": "1024" } } }],
            "priority": 5,
        },
    });
    assert_eq!(object, expected);
}

#[test]
fn micro_times_keep_their_digits() {
    let (schema, mut object) = object(
        "io.k8s.api.coordination.v1.Lease",
        json!({ "spec": { "renewTime": "2026-01-01T00:00:00.1234567Z" } }),
    );
    schema.prune(&mut object);
    assert_eq!(object["spec"]["renewTime"], "2026-01-01T00:00:00.123456Z");
}

#[test]
fn merge_rules_come_with_the_types() {
    let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
    let spec = schema.root().field("spec").unwrap();
    let containers = spec.field("containers").unwrap();
    assert!(containers.rule().merge);
    assert_eq!(containers.rule().merge_key.as_deref(), Some("name"));
    assert_eq!(containers.rule().list_type, Some(ListType::Map));
    let ports = containers
        .items()
        .and_then(|container| container.field("ports"))
        .unwrap();
    assert_eq!(
        ports.rule().list_map_keys,
        ["containerPort".into(), "protocol".into()]
    );
    assert!(spec.field("volumes").unwrap().rule().retain_keys);
    assert_eq!(
        spec.field("tolerations").unwrap().rule().list_type,
        Some(ListType::Atomic)
    );
    assert!(spec.field("nodeSelector").unwrap().rule().atomic_map);
}

#[test]
fn every_reference_of_the_definitions_is_defined() {
    let definitions = definitions(|_| true);
    let text = serde_json::to_string(&definitions).unwrap();
    let references: Vec<&str> = text
        .split("\"$ref\":\"#/definitions/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(references.len() > 200);
    for reference in references {
        assert!(definitions.contains_key(reference), "{reference}");
    }
}

#[test]
fn definitions_say_what_clients_need() {
    let definitions = definitions(|_| true);
    let deployment = &definitions["io.k8s.api.apps.v1.Deployment"];
    let kind = json!([{ "group": "apps", "kind": "Deployment", "version": "v1" }]);
    assert_eq!(deployment["x-kubernetes-group-version-kind"], kind);
    assert_eq!(deployment.get("required"), None);
    let list = &definitions["io.k8s.api.apps.v1.DeploymentList"];
    assert_eq!(
        list["x-kubernetes-group-version-kind"][0]["kind"],
        "DeploymentList"
    );
    assert_eq!(
        list["properties"]["items"]["items"]["$ref"],
        "#/definitions/io.k8s.api.apps.v1.Deployment"
    );
    let containers = &definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    let int_or_string = &definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"];
    assert_eq!(
        (&int_or_string["type"], &int_or_string["format"]),
        (&json!("string"), &json!("int-or-string"))
    );
}

#[test]
fn a_part_of_the_definitions_is_complete_in_itself() {
    let definitions = definitions(|type_name| type_name == "io.k8s.api.coordination.v1.Lease");
    assert!(definitions.contains_key("io.k8s.api.coordination.v1.LeaseList"));
    assert!(definitions.contains_key("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"));
    assert!(!definitions.contains_key("io.k8s.api.core.v1.Pod"));
}

#[test]
fn custom_resources_have_structural_schemas() {
    let schema = Schema::structural(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "size": { "type": "integer", "default": 1 },
                    "port": { "x-kubernetes-int-or-string": true },
                    "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    "closed": { "type": "object" },
                },
            },
        },
    }));
    let mut object = json!({
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": { "name": "a", "nonsense": 1 },
        "spec": { "size": 1, "port": "http", "free": { "x": 1 }, "closed": { "x": 1 }, "other": 1 },
    });
    let checked = schema.check(&object);
    assert_eq!(checked.type_error, None);
    assert_eq!(
        checked.unknown,
        ["metadata.nonsense", "spec.closed.x", "spec.other"]
    );
    schema.prune(&mut object);
    assert_eq!(
        object["spec"],
        json!({ "size": 1, "port": "http", "free": { "x": 1 }, "closed": {} })
    );
    assert_eq!(
        schema
            .root()
            .field("spec")
            .unwrap()
            .field("size")
            .unwrap()
            .default(),
        Some(&json!(1))
    );
}

const KEYS: &str = "metadata|labels|creationTimestamp|spec|containers|resources|limits|cpu|env|name|priority|[a-c]";

proptest! {
    #[test]
    fn what_is_stored_stays_as_it_is(mut object in any_json(KEYS)) {
        let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
        let is_sound = schema.check(&object).type_error.is_none();
        schema.prune(&mut object);
        let checked = schema.check(&object);
        prop_assert_eq!(checked.unknown, Vec::<String>::new());
        prop_assert_eq!(checked.type_error.is_none(), is_sound);
        let stored = object.clone();
        schema.prune(&mut object);
        prop_assert_eq!(object, stored);
    }
}
