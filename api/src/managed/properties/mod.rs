//! Any managers write any fields in any order, by apply and otherwise: the object, its owners and every refusal are what
//! a model says that is too simple to be wrong.

mod model;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Write, apply, created, updated};
use crate::{Schema, Status};
use model::{Model, Owner, leaves, owners};

/// A field of each kind of ownership.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let text = json!({ "type": "string" });
    let set = json!({ "type": "array", "x-kubernetes-list-type": "set", "items": text });
    let spec = json!({
        "base": text,
        "size": { "type": "integer" },
        "args": { "type": "array", "items": text },
        "point": {
            "type": "object", "x-kubernetes-map-type": "atomic",
            "properties": { "x": { "type": "integer" }, "y": { "type": "integer" } },
        },
        "labels": { "type": "object", "additionalProperties": text },
        "hosts": set,
        "nested": { "type": "object", "properties": {
            "deep": { "type": "object", "properties": { "value": text } },
        } },
        "parts": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": { "type": "object", "properties": { "name": text, "image": text, "tags": set } },
        },
    });
    let spec = json!({ "type": "object", "properties": spec });
    Schema::structural(&json!({ "type": "object", "properties": { "spec": spec } }))
});

fn texts(letters: &'static str) -> impl Strategy<Value = Option<Value>> {
    let texts = prop::collection::btree_set(letters, 0..3);
    let texts = texts.prop_map(|texts| texts.into_iter().collect::<Vec<_>>());
    // An empty set would be owned as such.
    texts
        .prop_shuffle()
        .prop_map(|texts| (!texts.is_empty()).then(|| json!(texts)))
}

fn parts() -> impl Strategy<Value = Option<Value>> {
    let part = (prop::option::of("[12]"), texts("[st]"));
    let parts = prop::collection::btree_map("[a-d]", part, 0..4);
    let parts = parts.prop_map(|parts| parts.into_iter().collect::<Vec<_>>());
    parts.prop_shuffle().prop_map(|parts| {
        let parts: Vec<Value> = parts
            .into_iter()
            .map(|(name, (image, tags))| {
                let fields = [
                    ("name", Some(json!(name))),
                    ("image", image.map(Value::from)),
                    ("tags", tags),
                ];
                with(fields)
            })
            .collect();
        (!parts.is_empty()).then(|| json!(parts))
    })
}

fn with<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let set = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    set.collect()
}

fn any_spec() -> impl Strategy<Value = Value> {
    let labels = prop::collection::btree_map("[a-c]", "[12]", 0..3);
    let labels = labels.prop_map(|labels| (!labels.is_empty()).then(|| json!(labels)));
    let point = prop::option::of((0..2_u8, 0..2_u8));
    (
        prop::option::of(0..2_u8),
        prop::option::of(prop::collection::vec("[xy]", 0..3)),
        point.prop_map(|point| point.map(|(x, y)| json!({ "x": x, "y": y }))),
        labels,
        texts("[p-r]"),
        prop::option::of("[12]"),
        parts(),
    )
        .prop_map(|(size, args, point, labels, hosts, deep, parts)| {
            with([
                ("size", size.map(Value::from)),
                ("args", args.map(Value::from)),
                ("point", point),
                ("labels", labels),
                ("hosts", hosts),
                (
                    "nested",
                    deep.map(|deep| json!({ "deep": { "value": deep } })),
                ),
                ("parts", parts),
            ])
        })
}

fn object(spec: &Value) -> Value {
    json!({ "apiVersion": "e.io/v1", "kind": "X", "metadata": { "name": "a" }, "spec": spec })
}

/// A write of one of three managers.
#[derive(Clone, Debug)]
enum Step {
    Apply {
        manager: usize,
        spec: Value,
        force: bool,
    },
    Update {
        manager: usize,
        spec: Value,
    },
}

const MANAGERS: [&str; 3] = ["ann", "bob", "cy"];

fn step() -> impl Strategy<Value = Step> {
    let manager = || 0..MANAGERS.len();
    prop_oneof![
        4 => (manager(), any_spec(), any::<bool>())
            .prop_map(|(manager, spec, force)| Step::Apply { manager, spec, force }),
        1 => (manager(), any_spec()).prop_map(|(manager, spec)| Step::Update { manager, spec }),
    ]
}

fn by<'a>(manager: &'a str, now: &'a str) -> Write<'a> {
    Write {
        manager,
        api_version: "e.io/v1",
        subresource: "",
        status_apart: true,
        now,
    }
}

const NOW: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-02T00:00:00Z";

/// The object, and the model that knows what it must be.
struct World {
    object: Value,
    model: Model,
}

impl World {
    fn new() -> Self {
        // It stays, so that the owners are never unknown.
        let mut object = object(&json!({ "base": "1" }));
        created(&mut object, &SCHEMA, &by("base", NOW));
        let mut model = Model::default();
        model.update("base", &leaves(&object));
        Self { object, model }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Update { manager, spec } => self.update(MANAGERS[*manager], spec),
            Step::Apply {
                manager,
                spec,
                force,
            } => self.apply(MANAGERS[*manager], spec, *force),
        }
        assert_eq!(leaves(&self.object), self.model.leaves());
        assert_eq!(owners(&self.object), self.model.owners());
    }

    fn update(&mut self, manager: &str, spec: &Value) {
        let mut new = object(spec);
        new["spec"]["base"] = json!("1");
        self.model.update(manager, &leaves(&new));
        updated(&self.object, &mut new, None, &SCHEMA, &by(manager, NOW));
        self.object = new;
    }

    fn apply(&mut self, manager: &str, spec: &Value, force: bool) {
        let config = object(spec);
        let expected = self.model.apply(manager, &leaves(&config), force);
        let apply = |live: &Value, force: bool, now: &str| {
            apply(Some(live), &config, &SCHEMA, &by(manager, now), force)
        };
        let applied = match apply(&self.object, force, NOW) {
            Ok(applied) => applied,
            Err(refused) => return assert_eq!(Err(conflicts(&refused)), expected),
        };
        assert_eq!(expected, Ok(()));
        let again = apply(&applied, false, LATER);
        assert_eq!(
            again.as_ref(),
            Ok(&applied),
            "to apply again changes nothing"
        );
        for list in ["parts", "hosts"] {
            let [live, config, merged] =
                [&self.object, &config, &applied].map(|it| items(it, list));
            let kept = |order: &[String], of: &[String]| -> Vec<String> {
                order
                    .iter()
                    .filter(|item| of.contains(item))
                    .cloned()
                    .collect()
            };
            assert_eq!(
                kept(&merged, &config),
                config,
                "the order of the configuration"
            );
            let left: Vec<String> = merged
                .iter()
                .filter(|item| !config.contains(item))
                .cloned()
                .collect();
            assert_eq!(
                left,
                kept(&live, &left),
                "the order in which the others stood"
            );
        }
        self.object = applied;
    }
}

/// The items of a list as their names or values, in order.
fn items(object: &Value, list: &str) -> Vec<String> {
    let items = object["spec"][list].as_array().into_iter().flatten();
    items
        .map(|item| item.get("name").unwrap_or(item).to_string())
        .collect()
}

/// The fields and the owners that a refusal names.
fn conflicts(refused: &Status) -> BTreeSet<(String, Owner)> {
    assert_eq!(refused.code(), 409, "{refused}");
    let causes = refused.details.causes.iter();
    let named = causes.map(|cause| {
        let words = cause.message.split('"').collect::<Vec<_>>();
        let operation = match words[2] {
            "" => "Apply",
            words => {
                assert_eq!(words, " using e.io/v1");
                "Update"
            }
        };
        (cause.field.clone(), (words[1].to_owned(), operation))
    });
    named.collect()
}

proptest! {
    #[test]
    fn all_managers_agree_with_the_model(steps in prop::collection::vec(step(), 1..12)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn any_configuration_is_applied_or_refused(
        live in crate::testing::any_json(KEYS),
        config in crate::testing::any_json(KEYS),
    ) {
        let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
        let mut live = live;
        if live.is_object() {
            created(&mut live, &schema, &by("a", NOW));
            if let Ok(object) = apply(Some(&live), &config, &schema, &by("b", NOW), true) {
                let again = apply(Some(&object), &config, &schema, &by("b", NOW), false);
                prop_assert_eq!(again, Ok(object), "to apply again changes nothing");
            }
        }
    }
}

const KEYS: &str = "metadata|finalizers|labels|spec|containers|name|env|nodeSelector|volumes|ports|containerPort|image";
