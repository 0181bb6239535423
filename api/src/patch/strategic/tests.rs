//! Patches as kubectl writes them, and a property: the difference between two objects, applied, gives the second.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::testing::any_json;
use crate::{Node, NodeType, PatchType, Reason, Schema, Status, apply_patch};

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

/// The patch that leads from one object to another, as a client makes it.
fn difference(
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    node: Node<'_>,
) -> Map<String, Value> {
    let mut patch: Map<String, Value> = from
        .keys()
        .filter(|key| !to.contains_key(*key))
        .map(|key| (key.clone(), Value::Null))
        .collect();
    for (key, new) in to {
        let Some(old) = from.get(key).filter(|old| *old != new) else {
            if !from.contains_key(key) {
                patch.insert(key.clone(), new.clone());
            }
            continue;
        };
        let field = node.field(key).expect("a field of the type");
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                patch.insert(key.clone(), Value::Object(difference(old, new, field)));
            }
            (Value::Array(old), Value::Array(new)) if field.rule().merge => {
                list_difference(key, old, new, field, &mut patch);
            }
            _ => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    patch
}

fn list_difference(
    key: &str,
    old: &[Value],
    new: &[Value],
    field: Node<'_>,
    patch: &mut Map<String, Value>,
) {
    let items = field.items().expect("a list");
    let Some(merge_key) = field.rule().merge_key.as_deref() else {
        assert_ne!(items.node_type(), NodeType::Object);
        let gone = old
            .iter()
            .filter(|item| !new.contains(item))
            .cloned()
            .collect();
        let added = new
            .iter()
            .filter(|item| !old.contains(item))
            .cloned()
            .collect();
        patch.insert(
            format!("$deleteFromPrimitiveList/{key}"),
            Value::Array(gone),
        );
        patch.insert(
            format!("$setElementOrder/{key}"),
            Value::Array(new.to_vec()),
        );
        patch.insert(key.to_owned(), Value::Array(added));
        return;
    };
    let find = |list: &[Value], item: &Value| {
        list.iter()
            .find(|other| other[merge_key] == item[merge_key])
            .cloned()
    };
    let mut changes: Vec<Value> = Vec::new();
    for item in new {
        let mut change = match find(old, item) {
            None => item.clone(),
            Some(old) if old == *item => continue,
            Some(old) => Value::Object(difference(
                old.as_object().unwrap(),
                item.as_object().unwrap(),
                items,
            )),
        };
        change[merge_key] = item[merge_key].clone();
        changes.push(change);
    }
    let gone = old.iter().filter(|item| find(new, item).is_none());
    changes.extend(gone.map(|item| json!({ "$patch": "delete", merge_key: item[merge_key] })));
    let order: Vec<Value> = new
        .iter()
        .map(|item| json!({ merge_key: item[merge_key] }))
        .collect();
    patch.insert(format!("$setElementOrder/{key}"), Value::Array(order));
    patch.insert(key.to_owned(), Value::Array(changes));
}

/// Keys that meet the rules of a Pod, and directives.
const KEYS: &str = "metadata|finalizers|spec|containers|name|env|nodeSelector|volumes|\\$patch|\\$retainKeys|\
    \\$setElementOrder/(containers|finalizers)|\\$deleteFromPrimitiveList/finalizers";

fn named(
    names: &'static str,
    field: &'static str,
    value: &'static str,
) -> impl Strategy<Value = Value> {
    let items =
        btree_map(names, value, 0..4).prop_map(|items| items.into_iter().collect::<Vec<_>>());
    items.prop_shuffle().prop_map(move |items| {
        items
            .into_iter()
            .map(|(name, value)| json!({ "name": name, field: value }))
            .collect()
    })
}

fn container() -> impl Strategy<Value = Value> {
    let args = proptest::option::of(vec("[xy]", 0..3));
    (args, named("[A-D]", "value", "[12]"), "[12]").prop_map(|(args, env, image)| {
        let mut container = json!({ "image": image, "env": env });
        if let Some(args) = args {
            container["args"] = json!(args);
        }
        container
    })
}

fn any_pod() -> impl Strategy<Value = Map<String, Value>> {
    let containers = btree_map("[a-e]", container(), 0..5)
        .prop_map(|containers| containers.into_iter().collect::<Vec<_>>())
        .prop_shuffle();
    let finalizers = btree_set("[a-e]", 0..4)
        .prop_map(|set| set.into_iter().collect::<Vec<_>>())
        .prop_shuffle();
    (containers, btree_map("[a-d]", "[12]", 0..3), finalizers).prop_map(
        |(containers, selector, finalizers)| {
            let containers: Vec<Value> = containers
                .into_iter()
                .map(|(name, mut container)| {
                    container["name"] = json!(name);
                    container
                })
                .collect();
            let pod = json!({
                "metadata": { "finalizers": finalizers },
                "spec": { "containers": containers, "nodeSelector": selector },
            });
            pod.as_object().cloned().unwrap_or_default()
        },
    )
}

proptest! {
    #[test]
    fn the_difference_applied_gives_the_target(from in any_pod(), to in any_pod()) {
        let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
        let patch = Value::Object(difference(&from, &to, schema.root()));
        let patched = apply_patch(PatchType::Strategic, &Value::Object(from), &patch, &schema).unwrap();
        prop_assert_eq!(patched, Value::Object(to));
    }

    #[test]
    fn any_patch_is_applied_or_refused(object in any_json(KEYS), patch in any_json(KEYS)) {
        let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
        if let Ok(patched) = apply_patch(PatchType::Strategic, &object, &patch, &schema) {
            prop_assert!(patched.is_object());
        }
    }
}
