//! Any object, any patch: differences lead where they should, and what is said by key is done by key.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::testing::any_json;
use crate::{Node, NodeType, PatchType, Schema, apply_patch};

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

/// A container that matters by its image and its environment.
type Container = (Option<String>, BTreeMap<String, String>);

/// What a patch says of one container: to delete it, or what becomes of its image and of variables, with none for null.
type Said = Option<(Option<Option<String>>, BTreeMap<String, Option<String>>)>;

fn any_containers() -> impl Strategy<Value = Vec<(String, Container)>> {
    let container = (
        proptest::option::of("[12]"),
        btree_map("[A-C]", "[12]", 0..3),
    );
    let containers = btree_map("[a-e]", container, 0..5);
    let containers = containers.prop_map(|containers| containers.into_iter().collect::<Vec<_>>());
    containers.prop_shuffle()
}

fn any_said() -> impl Strategy<Value = BTreeMap<String, Said>> {
    let text = || proptest::option::of("[34]");
    let said = (
        proptest::option::of(text()),
        btree_map("[A-D]", text(), 0..3),
    );
    btree_map("[a-f]", proptest::option::weighted(0.8, said), 0..4)
}

fn shown(containers: &[(String, Container)]) -> Value {
    let containers = containers.iter().map(|(name, (image, env))| {
        let env = env
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }));
        let mut container = json!({ "name": name, "env": env.collect::<Vec<_>>() });
        if let Some(image) = image {
            container["image"] = json!(image);
        }
        container
    });
    json!({ "spec": { "containers": containers.collect::<Vec<_>>() } })
}

fn patch_that_says(said: &BTreeMap<String, Said>) -> Value {
    let items = said.iter().map(|(name, said)| {
        let Some((image, env)) = said else {
            return json!({ "$patch": "delete", "name": name });
        };
        let env = env.iter().map(|(name, value)| match value {
            Some(value) => json!({ "name": name, "value": value }),
            None => json!({ "$patch": "delete", "name": name }),
        });
        let mut item = json!({ "name": name, "env": env.collect::<Vec<_>>() });
        if let Some(image) = image {
            item["image"] = json!(image);
        }
        item
    });
    json!({ "spec": { "containers": items.collect::<Vec<_>>() } })
}

/// The containers by name, after what is said of them.
fn obeyed(
    mut containers: BTreeMap<String, Container>,
    said: &BTreeMap<String, Said>,
) -> BTreeMap<String, Container> {
    for (name, said) in said {
        let Some((image, env)) = said else {
            containers.remove(name);
            continue;
        };
        let container = containers.entry(name.clone()).or_default();
        if let Some(image) = image {
            container.0.clone_from(image);
        }
        for (name, value) in env {
            match value {
                Some(value) => container.1.insert(name.clone(), value.clone()),
                None => container.1.remove(name),
            };
        }
    }
    containers
}

fn patched(pod: &Value, patch: &Value) -> Value {
    let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
    apply_patch(PatchType::Strategic, pod, patch, &schema).unwrap()
}

fn read_back(pod: &Value) -> Vec<(String, Container)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let pair = |item: &Value| Some((text(&item["name"])?, text(&item["value"])?));
    items(&pod["spec"]["containers"])
        .iter()
        .map(|container| {
            let env = items(&container["env"]).iter().filter_map(pair).collect();
            let name = text(&container["name"]).unwrap_or_default();
            (name, (text(&container["image"]), env))
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_said_by_key_is_done_by_key(containers in any_containers(), said in any_said()) {
        let patch = patch_that_says(&said);
        let once = patched(&shown(&containers), &patch);
        let standing = read_back(&once);
        let expected = obeyed(containers.iter().cloned().collect(), &said);
        prop_assert_eq!(standing.iter().cloned().collect::<BTreeMap<_, _>>(), expected);
        prop_assert_eq!(patched(&once, &patch), once, "to patch again changes nothing");
        let names = standing.iter().map(|(name, _)| name);
        let (named, others): (Vec<_>, Vec<_>) = names.partition(|name| said.contains_key(*name));
        let stay = said.iter().filter(|(_, said)| said.is_some()).map(|(name, _)| name);
        prop_assert!(stay.eq(named), "the order of the patch: {:?}", standing);
        let stood = containers.iter().map(|(name, _)| name);
        let stood = stood.filter(|name| !said.contains_key(*name));
        prop_assert!(stood.eq(others), "the order in which the others stood: {:?}", standing);
    }

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
