//! What a policy wants an object to have, merged into it as by server-side apply; but nobody comes to own anything.

use serde_json::Value;

use super::merge::merge;
use super::place::{Form, Place};
use super::typed;
use crate::Schema;

/// The object with what the configuration has.
///
/// An error says what is wrong with the configuration: it does not fit the schema, or it sets what has no parts that could
/// be merged, by which a policy might remove what it does not know.
pub fn merged(object: &Value, config: &Value, schema: &Schema) -> Result<Value, String> {
    if !config.is_object() {
        return Err("must evaluate to Object".to_owned());
    }
    typed::check(schema, config).map_err(|status| status.message)?;
    if let Some(path) = atomic(Place::root(schema), config) {
        let words = "may not mutate atomic arrays, maps or structs";
        return Err(format!("{words}: {path}"));
    }
    let mut merged = object.clone();
    merge(Place::root(schema), &mut merged, config);
    Ok(merged)
}

/// The path of the first list or object that is one value.
fn atomic(place: Place<'_>, value: &Value) -> Option<String> {
    match (place.form(value), value) {
        (Form::Leaf, Value::Object(_) | Value::Array(_)) => Some(String::new()),
        (Form::Fields, Value::Object(fields)) => fields.iter().find_map(|(name, value)| {
            Some(format!(".{name}{}", atomic(place.field(name), value)?))
        }),
        (Form::Items(_), Value::Array(items)) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| Some(format!("[{at}]{}", atomic(place.items(), item)?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_with_keys_grow_and_atomic_ones_stay() {
        let schema = Schema::of("io.k8s.api.core.v1.Pod").unwrap();
        let pod = json!({
            "metadata": {"labels": {"a": "1"}},
            "spec": {"containers": [{"name": "web", "image": "nginx", "args": ["-v"]}]},
        });
        let config = json!({
            "metadata": {"labels": {"b": "2"}},
            "spec": {"containers": [{"name": "side", "image": "busybox"}]},
        });
        let merged_pod = merged(&pod, &config, &schema).unwrap();
        assert_eq!(
            merged_pod["metadata"]["labels"],
            json!({"a": "1", "b": "2"})
        );
        let names = &merged_pod["spec"]["containers"];
        assert_eq!(
            (&names[0]["name"], &names[1]["name"]),
            (&json!("web"), &json!("side"))
        );
        let cases = [
            (
                json!({"spec": {"containers": [{"name": "web", "args": []}]}}),
                "may not mutate atomic arrays, maps or structs: .spec.containers[0].args",
            ),
            (
                json!({"spec": {"nodeSelector": {"a": "b"}}}),
                "may not mutate atomic arrays, maps or structs: .spec.nodeSelector",
            ),
            (json!([]), "must evaluate to Object"),
        ];
        for (config, words) in cases {
            assert_eq!(merged(&pod, &config, &schema), Err(words.to_owned()));
        }
        let unknown = json!({"spec": {"colour": "red"}});
        let why = merged(&pod, &unknown, &schema).unwrap_err();
        assert!(why.contains("field not declared in schema"), "{why}");
    }
}
