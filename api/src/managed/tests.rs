//! Ownership as users see it in `--show-managed-fields`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{Schema, Status};

fn deployments() -> Schema {
    Schema::of("io.k8s.api.apps.v1.Deployment").unwrap()
}

fn by(manager: &str) -> Write<'_> {
    Write {
        manager,
        api_version: "apps/v1",
        subresource: "",
        status_apart: true,
        now: "2026-01-01T00:00:00Z",
    }
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "default", "uid": "u", "labels": { "app": "web" } },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": "web" } },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": {
                    "containers": [{
                        "name": "nginx", "image": "nginx:1.19", "resources": {},
                        "ports": [{ "containerPort": 80, "protocol": "TCP" }],
                        "args": ["-x"],
                    }],
                    "securityContext": {},
                },
            },
        },
    })
}

/// What a manager owns, by manager, operation and subresource.
fn owners(object: &Value) -> BTreeMap<String, Value> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let name = |entry: &Value| {
        let words = ["manager", "operation", "subresource"]
            .map(|field| entry[field].as_str().unwrap_or_default());
        words.join(" ").trim().to_owned()
    };
    entries
        .map(|entry| (name(entry), entry["fieldsV1"].clone()))
        .collect()
}

#[test]
fn the_creator_owns_all_that_he_sent() {
    let mut object = deployment();
    object["status"] = json!({ "replicas": 1 });
    created(&mut object, &deployments(), &by("kubectl-create"));
    let expected = json!([{
        "manager": "kubectl-create", "operation": "Update", "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:strategy": { "f:type": {}, "f:rollingUpdate": { ".": {}, "f:maxSurge": {} } },
                "f:template": {
                    "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
                    "f:spec": {
                        "f:containers": { "k:{\"name\":\"nginx\"}": {
                            ".": {}, "f:name": {}, "f:image": {}, "f:resources": {}, "f:args": {},
                            "f:ports": { ".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                                ".": {}, "f:containerPort": {}, "f:protocol": {},
                            } },
                        } },
                        "f:securityContext": {},
                    },
                },
            },
        },
    }]);
    assert_eq!(object["metadata"]["managedFields"], expected);
}

#[test]
fn a_change_takes_fields_from_their_owners() {
    let schema = deployments();
    let mut old = deployment();
    created(&mut old, &schema, &by("kubectl-create"));
    let mut new = old.clone();
    new["spec"]["replicas"] = json!(3);
    new["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("args");
    let scale = Write {
        subresource: "scale",
        now: "2026-01-02T00:00:00Z",
        ..by("kubectl")
    };
    updated(&old, &mut new, None, &schema, &scale);
    let owners_now = owners(&new);
    assert_eq!(
        owners_now["kubectl Update scale"],
        json!({ "f:spec": { "f:replicas": {} } })
    );
    let creator = &owners_now["kubectl-create Update"];
    assert_eq!(creator["f:spec"]["f:replicas"], Value::Null);
    assert_eq!(
        creator["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"nginx\"}"]["f:args"],
        Value::Null
    );

    let mut same = new.clone();
    same["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("managedFields");
    updated(&new, &mut same, None, &schema, &by("other"));
    assert_eq!(
        same, new,
        "who changes nothing is not entered, and takes nothing by leaving owners out"
    );

    let mut forgotten = new.clone();
    updated(
        &new,
        &mut forgotten,
        Some(&json!([{}])),
        &schema,
        &by("other"),
    );
    assert_eq!(owners(&forgotten), BTreeMap::new());
    let mut later = forgotten.clone();
    later["spec"]["replicas"] = json!(9);
    updated(&forgotten, &mut later, None, &schema, &by("other"));
    assert_eq!(
        owners(&later),
        BTreeMap::new(),
        "nobody is entered until somebody applies"
    );
}

#[test]
fn old_updates_are_put_together() {
    let schema = Schema::of("io.k8s.api.core.v1.ConfigMap").unwrap();
    let mut object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "k": "v" } });
    created(
        &mut object,
        &schema,
        &Write {
            api_version: "v1",
            ..by("first")
        },
    );
    for round in 0..12 {
        let (manager, now) = (format!("m{round}"), format!("2026-02-01T00:00:{round:02}Z"));
        let old = object.clone();
        object["data"][format!("k{round}")] = json!("v");
        let write = Write {
            api_version: "v1",
            now: &now,
            ..by(&manager)
        };
        updated(&old, &mut object, None, &schema, &write);
    }
    let owners = owners(&object);
    assert_eq!(owners.len(), 10);
    let ancient = json!({ "f:data": { ".": {}, "f:k": {}, "f:k0": {}, "f:k1": {}, "f:k2": {} } });
    assert_eq!(owners["ancient-changes Update"], ancient);
    assert!(owners.contains_key("m3 Update"));
}

fn applied(live: Option<&Value>, spec: Value, manager: &str, force: bool) -> Result<Value, Status> {
    let config = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "default" }, "spec": spec,
    });
    apply(live, &config, &deployments(), &by(manager), force)
}

#[test]
fn who_applies_owns_what_he_applied() {
    let ports = json!({ "template": { "spec": { "containers": [{ "name": "nginx", "ports": [{ "containerPort": 80 }] }] } } });
    let object = applied(None, ports, "a", false).unwrap();
    let expected = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": { "k:{\"name\":\"nginx\"}": {
        ".": {}, "f:name": {},
        "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } },
    } } } } } });
    assert_eq!(owners(&object)["a Apply"], expected);
}

#[test]
fn a_conflict_names_the_owner_and_the_field() {
    let mut live = deployment();
    created(&mut live, &deployments(), &by("kubectl-client-side-apply"));
    let one = applied(Some(&live), json!({ "replicas": 2 }), "kubectl", false).unwrap_err();
    assert_eq!(
        one.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.replicas"
    );
    assert_eq!((one.code(), one.details.causes.len()), (409, 1));
    let cause = &one.details.causes[0];
    assert_eq!(
        (cause.reason.as_str(), cause.field.as_str()),
        ("FieldManagerConflict", ".spec.replicas")
    );

    let other = json!({ "replicas": 2, "template": { "spec": { "containers": [{ "name": "nginx", "image": "nginx:2" }] } } });
    let two = applied(Some(&live), other.clone(), "kubectl", false).unwrap_err();
    assert_eq!(
        two.message,
        "Apply failed with 2 conflicts: conflicts with \"kubectl-client-side-apply\" using apps/v1:\n\
         - .spec.replicas\n\
         - .spec.template.spec.containers[name=\"nginx\"].image"
    );
    let forced = applied(Some(&live), other, "kubectl", true).unwrap();
    assert_eq!(forced["spec"]["replicas"], 2);
    assert_eq!(
        owners(&forced)["kubectl-client-side-apply Update"]["f:spec"]["f:replicas"],
        Value::Null
    );

    let same = applied(Some(&live), json!({ "replicas": 1 }), "other", false).unwrap();
    assert_eq!(
        owners(&same)["other Apply"],
        json!({ "f:spec": { "f:replicas": {} } })
    );
    assert_eq!(
        owners(&same)["kubectl-client-side-apply Update"]["f:spec"]["f:replicas"],
        json!({}),
        "the same value is owned by both"
    );
}

#[test]
fn what_is_applied_no_more_goes_unless_others_own_it() {
    let both = json!({ "replicas": 2, "paused": true });
    let first = applied(None, both, "a", false).unwrap();
    let second = applied(Some(&first), json!({ "replicas": 2 }), "b", false).unwrap();
    let third = applied(Some(&second), json!({ "minReadySeconds": 1 }), "a", false).unwrap();
    assert_eq!(
        third["spec"],
        json!({ "replicas": 2, "minReadySeconds": 1 })
    );
    let again = applied(Some(&third), json!({ "minReadySeconds": 1 }), "a", false).unwrap();
    assert_eq!(again, third, "to apply the same again changes nothing");

    let container = |name: &str| json!({ "name": name, "image": "i" });
    let template =
        |containers: Value| json!({ "template": { "spec": { "containers": containers } } });
    let three = applied(
        None,
        template(json!([container("x"), container("y"), container("z")])),
        "a",
        false,
    )
    .unwrap();
    let mut live = three.clone();
    live["spec"]["template"]["spec"]["containers"][2]["args"] = json!(["kept"]);
    updated(&three, &mut live, None, &deployments(), &by("editor"));
    let left = applied(Some(&live), template(json!([container("y")])), "a", false).unwrap();
    assert_eq!(
        left["spec"]["template"]["spec"]["containers"],
        json!([container("y")]),
        "an item that nobody owns goes with all that is in it"
    );
}

#[test]
fn lists_merge_in_the_order_of_the_configuration() {
    let names =
        |names: &[&str]| -> Value { names.iter().map(|name| json!({ "name": name })).collect() };
    let cases: [(&[&str], &[&str], &[&str]); 4] = [
        (&["a", "b", "c"], &["c", "x", "a"], &["b", "c", "x", "a"]),
        (&["a", "b"], &["x", "b"], &["a", "x", "b"]),
        (&[], &["x"], &["x"]),
        (&["a"], &["x"], &["a", "x"]),
    ];
    for (live, config, expected) in cases {
        let mut merged =
            json!({ "spec": { "template": { "spec": { "containers": names(live) } } } });
        let config = json!({ "spec": { "template": { "spec": { "containers": names(config) } } } });
        merge::merge(place::Place::root(&deployments()), &mut merged, &config);
        assert_eq!(
            merged["spec"]["template"]["spec"]["containers"],
            names(expected)
        );
    }
}

#[test]
fn kubectl_takes_over_from_its_client_side_apply() {
    let mut config = deployment();
    config["metadata"].as_object_mut().unwrap().remove("uid");
    let mut live = deployment();
    live["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/last-applied-configuration": config.to_string() });
    created(&mut live, &deployments(), &by("kubectl-client-side-apply"));
    config["spec"]["replicas"] = json!(5);
    let other = apply(Some(&live), &config, &deployments(), &by("ci"), false);
    assert_eq!(other.unwrap_err().code(), 409);
    let own = apply(Some(&live), &config, &deployments(), &by("kubectl"), false).unwrap();
    assert_eq!(own["spec"]["replicas"], 5);
    let noted =
        own["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].as_str();
    let noted: Value = serde_json::from_str(noted.unwrap()).unwrap();
    assert_eq!(noted["spec"]["replicas"], 5);
    // What somebody changed since is no more kubectl's to take.
    let mut scaled = live.clone();
    scaled["spec"]["replicas"] = json!(7);
    updated(&live, &mut scaled, None, &deployments(), &by("hpa"));
    let refused = apply(
        Some(&scaled),
        &config,
        &deployments(),
        &by("kubectl"),
        false,
    )
    .unwrap_err();
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"hpa\" using apps/v1: .spec.replicas"
    );
}

#[test]
fn an_object_without_owners_is_somebodys() {
    let refused = applied(Some(&deployment()), json!({ "replicas": 2 }), "a", false).unwrap_err();
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using apps/v1: .spec.replicas"
    );
}

#[test]
fn a_configuration_must_fit_its_schema() {
    let prefix = "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): ";
    let container = |field: &str, value: Value| {
        let mut container = json!({ "name": "c" });
        container[field] = value;
        json!({ "template": { "spec": { "containers": [container] } } })
    };
    let cases = [
        (
            json!({ "replica": 1 }),
            ".spec.replica: field not declared in schema",
        ),
        (
            json!({ "replicas": "two" }),
            ".spec.replicas: expected numeric (int or float), got string",
        ),
        (
            container("env", json!([{ "name": "A", "value": 1 }])),
            ".spec.template.spec.containers[name=\"c\"].env[name=\"A\"].value: expected string, got &value.valueUnstructured{Value:1}",
        ),
        (
            container("env", json!([{ "name": "A" }, { "name": "A" }])),
            ".spec.template.spec.containers[name=\"c\"].env: duplicate entries for key [name=\"A\"]",
        ),
        (
            json!({ "a": 1, "b": 2 }),
            "errors:\n  .spec.a: field not declared in schema\n  .spec.b: field not declared in schema",
        ),
    ];
    for (spec, words) in cases {
        let refused = applied(None, spec, "a", false).unwrap_err();
        assert_eq!(refused.message, format!("{prefix}{words}"));
    }
    let exported = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "managedFields": [] } });
    let refused = apply(None, &exported, &deployments(), &by("a"), false).unwrap_err();
    assert_eq!(
        (refused.code(), refused.message.as_str()),
        (400, "metadata.managedFields must be nil")
    );
}

#[test]
fn a_custom_resource_is_owned_by_its_own_schema() {
    let schema = Schema::structural(&json!({
        "type": "object",
        "properties": { "spec": {
            "type": "object",
            "properties": {
                "size": { "type": "integer" },
                "hosts": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
                "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
            },
        } },
    }));
    let mut object = json!({
        "apiVersion": "e.io/v1", "kind": "X", "metadata": { "name": "a", "labels": { "l": "v" } },
        "spec": { "size": 1, "hosts": ["h"], "free": { "x": { "y": [1] } } },
    });
    created(&mut object, &schema, &by("c"));
    let expected = json!({
        "f:metadata": { "f:labels": { ".": {}, "f:l": {} } },
        "f:spec": {
            ".": {}, "f:size": {}, "f:hosts": { ".": {}, "v:\"h\"": {} },
            "f:free": { ".": {}, "f:x": { ".": {}, "f:y": {} } },
        },
    });
    assert_eq!(owners(&object)["c Update"], expected);
}
