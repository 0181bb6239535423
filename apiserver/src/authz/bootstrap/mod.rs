//! The roles and bindings that every cluster has, written when it starts.
//!
//! In: the files beside this one. Out: objects, and what must be added to those that stand: a rule or a subject that a
//! user took away comes back, what a user added stays, and nothing is touched that says
//! `rbac.authorization.kubernetes.io/autoupdate: "false"`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation>).

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

const FILES: [&str; 3] = [
    include_str!("users.yaml"),
    include_str!("certificates.yaml"),
    include_str!("components.yaml"),
];
const CONTROLLERS: &str = include_str!("controllers.yaml");
const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
const API_GROUP: &str = "rbac.authorization.k8s.io";

/// All of them.
///
/// # Panics
/// When a file compiled in is malformed, which a test rules out.
pub(crate) fn objects() -> Vec<Value> {
    let mut all = Vec::new();
    for file in FILES {
        let objects: Vec<Value> =
            serde_norway::from_str(file).expect("the bootstrap roles are well-formed");
        all.extend(objects);
    }
    let controllers: BTreeMap<String, Vec<Value>> =
        serde_norway::from_str(CONTROLLERS).expect("the controllers' roles are well-formed");
    for (name, rules) in controllers {
        all.extend(of_controller(&name, rules));
    }
    all.iter_mut().for_each(mark);
    all
}

/// What every node may do, if the object is about its own Pods.
pub(super) fn node_rules() -> Vec<PolicyRule> {
    let mut objects = objects().into_iter();
    let role = objects.find(|object| {
        object["kind"] == "ClusterRole" && object["metadata"]["name"] == "system:node"
    });
    let rules = role.map(|mut role| role["rules"].take());
    rules
        .and_then(|rules| serde_json::from_value(rules).ok())
        .unwrap_or_default()
}

fn of_controller(name: &str, mut rules: Vec<Value>) -> [Value; 2] {
    rules.push(json!({
        "apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"],
    }));
    let role = format!("system:controller:{name}");
    [
        json!({"kind": "ClusterRole", "metadata": {"name": role}, "rules": rules}),
        json!({
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}],
        }),
    ]
}

fn mark(object: &mut Value) {
    object["apiVersion"] = format!("{API_GROUP}/v1").into();
    object["metadata"]["labels"]["kubernetes.io/bootstrapping"] = "rbac-defaults".into();
    object["metadata"]["annotations"][AUTOUPDATE] = "true".into();
    if object["roleRef"].is_object() {
        object["roleRef"]["apiGroup"] = API_GROUP.into();
    }
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        if subject["kind"] != "ServiceAccount" {
            subject["apiGroup"] = API_GROUP.into();
        }
    }
}

/// What stands, completed with what is missing of the wanted object.
pub(crate) fn reconciled(old: &Value, wanted: &Value) -> Value {
    let mut new = old.clone();
    if old["metadata"]["annotations"][AUTOUPDATE] == "false" {
        return new;
    }
    for map in ["labels", "annotations"] {
        for (key, value) in wanted["metadata"][map].as_object().into_iter().flatten() {
            new["metadata"][map][key] = value.clone();
        }
    }
    // The rules of an aggregated role are its controller's to write.
    if wanted["aggregationRule"].is_object() {
        new["aggregationRule"] = wanted["aggregationRule"].clone();
    }
    for list in ["rules", "subjects"] {
        let wanted = wanted[list].as_array().into_iter().flatten();
        let has = |item: &Value| old[list].as_array().is_some_and(|all| all.contains(item));
        let missing: Vec<Value> = wanted.filter(|item| !has(item)).cloned().collect();
        if missing.is_empty() {
            continue;
        }
        match &mut new[list] {
            Value::Array(all) => all.extend(missing),
            other => *other = missing.into(),
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Value {
        let mut all = objects().into_iter();
        all.find(|object| object["metadata"]["name"] == name)
            .unwrap()
    }

    #[test]
    fn every_object_is_sound() {
        let registry = skiff_api::builtin();
        for mut object in objects() {
            let kind = object["kind"].as_str().unwrap();
            let descriptor = registry.of_kind(API_GROUP, "v1", kind).unwrap();
            let schema = descriptor.schema().unwrap();
            let strict = skiff_api::FieldValidation::Strict;
            let warnings = schema.conform(&mut object, skiff_api::Sent::default(), strict);
            assert_eq!(warnings, Ok(Vec::new()), "{object}");
            assert_eq!(
                descriptor.strategy.validate(&object),
                Vec::new(),
                "{object}"
            );
        }
    }

    #[test]
    fn what_a_user_took_away_comes_back_and_what_a_user_added_stays() {
        let wanted = named("system:basic-user");
        assert_eq!(reconciled(&wanted, &wanted), wanted);
        let own = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
        let mut old = wanted.clone();
        old["rules"] = json!([own]);
        let new = reconciled(&old, &wanted);
        let mut expected = vec![own];
        expected.extend(wanted["rules"].as_array().unwrap().iter().cloned());
        assert_eq!(new["rules"], Value::from(expected));
        old["metadata"]["annotations"][AUTOUPDATE] = "false".into();
        assert_eq!(reconciled(&old, &wanted), old);
    }
}
