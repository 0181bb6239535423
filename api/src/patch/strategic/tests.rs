//! Patches as kubectl writes them.

use serde_json::{Value, json};

use crate::{PatchType, Reason, Schema, Status, apply_patch};

fn patch_of(type_name: &str, object: Value, patch: Value) -> Result<Value, Status> {
    let schema = Schema::of(type_name).expect("a known type");
    apply_patch(PatchType::Strategic, &object, &patch, &schema)
}

fn pod(spec: Value) -> Value {
    json!({ "spec": spec })
}

fn patch_pod(spec: Value, patch: Value) -> Value {
    let patched = patch_of("io.k8s.api.core.v1.Pod", pod(spec), pod(patch)).unwrap();
    patched["spec"].clone()
}

#[test]
fn pods_merge_by_the_rules_of_their_type() {
    let cases = [
        (
            "a container is known by its name",
            json!({ "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "1" }] }),
            json!({ "containers": [{ "name": "b", "image": "2" }] }),
            json!({ "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "2" }] }),
        ),
        (
            "a new item goes first",
            json!({ "containers": [{ "name": "a" }] }),
            json!({ "containers": [{ "name": "c" }] }),
            json!({ "containers": [{ "name": "c" }, { "name": "a" }] }),
        ),
        (
            "unless the order says otherwise",
            json!({ "containers": [{ "name": "a" }] }),
            json!({
                "containers": [{ "name": "c" }],
                "$setElementOrder/containers": [{ "name": "a" }, { "name": "c" }],
            }),
            json!({ "containers": [{ "name": "a" }, { "name": "c" }] }),
        ),
        (
            "the order alone moves items, and those it does not name stay between their neighbours",
            json!({ "containers": [{ "name": "a" }, { "name": "sidecar" }, { "name": "b" }] }),
            json!({ "$setElementOrder/containers": [{ "name": "b" }, { "name": "a" }] }),
            json!({ "containers": [{ "name": "sidecar" }, { "name": "b" }, { "name": "a" }] }),
        ),
        (
            "an item is deleted by its key",
            json!({ "containers": [{ "name": "a" }, { "name": "b" }] }),
            json!({ "containers": [{ "$patch": "delete", "name": "a" }] }),
            json!({ "containers": [{ "name": "b" }] }),
        ),
        (
            "a list is replaced by directive",
            json!({ "containers": [{ "name": "a" }] }),
            json!({ "containers": [{ "name": "b" }, { "$patch": "replace" }] }),
            json!({ "containers": [{ "name": "b" }] }),
        ),
        (
            "nested lists merge too, null deletes a field",
            json!({ "containers": [{ "name": "a", "tty": true, "env": [{ "name": "X", "value": "1" }] }] }),
            json!({ "containers": [{ "name": "a", "tty": null, "env": [{ "name": "Y", "value": "2" }] }] }),
            json!({ "containers": [
                { "name": "a", "env": [{ "name": "Y", "value": "2" }, { "name": "X", "value": "1" }] },
            ] }),
        ),
        (
            "an atomic list is replaced",
            json!({ "tolerations": [{ "key": "a" }] }),
            json!({ "tolerations": [{ "key": "b" }] }),
            json!({ "tolerations": [{ "key": "b" }] }),
        ),
        (
            "a map merges, even an atomic one: that is a rule of server-side apply",
            json!({ "nodeSelector": { "a": "1", "b": "1" } }),
            json!({ "nodeSelector": { "a": null, "c": "1" } }),
            json!({ "nodeSelector": { "b": "1", "c": "1" } }),
        ),
        (
            "a map is replaced by directive",
            json!({ "nodeSelector": { "a": "1" } }),
            json!({ "nodeSelector": { "$patch": "replace", "b": "1" } }),
            json!({ "nodeSelector": { "b": "1" } }),
        ),
        (
            "a map is emptied by directive",
            json!({ "nodeSelector": { "a": "1" } }),
            json!({ "nodeSelector": { "$patch": "delete" } }),
            json!({ "nodeSelector": {} }),
        ),
        (
            "the keys to retain exclude the others",
            json!({ "volumes": [{ "name": "v", "emptyDir": {} }] }),
            json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/x" }, "$retainKeys": ["name", "hostPath"] }] }),
            json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/x" } }] }),
        ),
        (
            "what is new loses its directives and nulls",
            json!({}),
            json!({
                "containers": [
                    { "name": "a", "tty": null, "env": [{ "$patch": "delete", "name": "X" }] },
                    { "$patch": "delete", "name": "b" },
                ],
                "$setElementOrder/containers": [{ "name": "a" }],
                "nodeSelector": { "$patch": "replace", "a": "1" },
            }),
            json!({ "containers": [{ "name": "a", "env": [] }], "nodeSelector": { "a": "1" } }),
        ),
    ];
    for (what, original, patch, patched) in cases {
        assert_eq!(patch_pod(original, patch), patched, "{what}");
    }
}

#[test]
fn scalars_merge_as_a_set() {
    let finalizers = |list: Value| json!({ "metadata": { "finalizers": list } });
    let patch = json!({ "metadata": {
        "finalizers": ["c"],
        "$deleteFromPrimitiveList/finalizers": ["a"],
        "$setElementOrder/finalizers": ["b", "c"],
    } });
    let patched = patch_of(
        "io.k8s.api.core.v1.Pod",
        finalizers(json!(["a", "b"])),
        patch,
    );
    assert_eq!(patched.unwrap(), finalizers(json!(["b", "c"])));
}

#[test]
fn a_strategy_change_retains_its_keys() {
    let original = json!({ "spec": { "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1 } } } });
    let patch = json!({ "spec": { "strategy": { "$retainKeys": ["type"], "type": "Recreate" } } });
    let patched = patch_of("io.k8s.api.apps.v1.Deployment", original, patch).unwrap();
    assert_eq!(patched["spec"]["strategy"], json!({ "type": "Recreate" }));
}

#[test]
fn a_list_of_two_keys_merges_by_the_first() {
    let original =
        json!({ "spec": { "ports": [{ "port": 80, "nodePort": 30080 }, { "port": 443 }] } });
    let patch = json!({ "spec": { "ports": [{ "port": 80, "name": "http" }] } });
    let patched = patch_of("io.k8s.api.core.v1.Service", original, patch).unwrap();
    let ports = json!([{ "port": 80, "nodePort": 30080, "name": "http" }, { "port": 443 }]);
    assert_eq!(patched["spec"]["ports"], ports);
}

#[test]
fn bad_patches_are_refused() {
    let cases = [
        (
            json!({ "containers": [{ "image": "1" }] }),
            Reason::BadRequest,
            r#"map: {"image":"1"} does not contain declared merge key: name"#,
        ),
        (
            json!({ "containers": ["a"] }),
            Reason::BadRequest,
            r#"expected a map in the list, but received "a""#,
        ),
        (
            json!({ "containers": [{ "$patch": "merge", "name": "a" }] }),
            Reason::BadRequest,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            json!({ "nodeSelector": { "$patch": "explode" } }),
            Reason::Invalid,
            r#"unknown patch type 'explode' in map: {"$patch":"explode"}"#,
        ),
        (
            json!({ "nodeSelector": { "$retainKeys": ["a"], "b": "1" } }),
            Reason::BadRequest,
            "invalid patch format of retainKeys",
        ),
        (
            json!({ "containers": [{ "name": "a" }], "$setElementOrder/containers": [{ "name": "b" }] }),
            Reason::BadRequest,
            "The order in patch list:\n[{\"name\":\"a\"}]\n doesn't match $setElementOrder list:\n[{\"name\":\"b\"}]\n",
        ),
        (
            json!({ "$setElementOrder/containers": "a" }),
            Reason::BadRequest,
            "invalid patch format of setElementOrder list",
        ),
        (
            json!({ "$deleteFromPrimitiveList/x": "a" }),
            Reason::BadRequest,
            "invalid patch format of primitive list",
        ),
    ];
    let original = pod(json!({ "containers": [{ "name": "a" }], "nodeSelector": { "a": "1" } }));
    for (patch, reason, words) in cases {
        let refused = patch_of("io.k8s.api.core.v1.Pod", original.clone(), pod(patch)).unwrap_err();
        assert_eq!((refused.reason, refused.message.as_str()), (reason, words));
    }
}
