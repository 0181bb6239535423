//! What a conversion may not change: what the object is called, and its metadata but for labels and annotations
//! (k8s.io/apiextensions-apiserver/pkg/apiserver/conversion).

use serde_json::{Map, Value};
use skiff_api::field::{Errors, Path};
use skiff_api::go_type;
use skiff_api::metadata::{self, validate_annotations, validate_labels};

/// A part of what an object is called.
type Name = fn(&Value) -> &str;

/// What a conversion may change of the metadata.
const FREE: [&str; 2] = ["labels", "annotations"];

/// Whether a converted object is the one that was asked about, in the wanted version; or why not.
pub(super) fn check(original: &Value, converted: &Value, version: &str) -> Result<(), String> {
    let text = |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let got = text(converted, "apiVersion");
    if got != version {
        return Err(format!(
            "returned invalid object at index 0: invalid groupVersion (expected {version}, received {got})"
        ));
    }
    let (expected, got) = (text(original, "kind"), text(converted, "kind"));
    if expected != got {
        return Err(format!(
            "returned invalid object at index 0: invalid kind (expected {expected}, received {got})"
        ));
    }
    let same: [(&str, Name); 3] = [
        ("name", metadata::name),
        ("namespace", metadata::namespace),
        ("UID", metadata::uid),
    ];
    for (what, of) in same {
        let (expected, got) = (of(original), of(converted));
        if expected != got {
            return Err(format!(
                "returned invalid object: must have the same {what}: {expected} != {got}"
            ));
        }
    }
    Ok(())
}

/// Puts the original metadata back, with the labels and annotations that the conversion made; or says what is wrong with
/// those.
pub(super) fn restore(original: &Value, converted: &mut Value) -> Result<(), String> {
    let answered = match converted.get_mut("metadata").map(Value::take) {
        Some(Value::Object(answered)) => answered,
        None => return Err("missing metadata in converted object".to_owned()),
        Some(other) => {
            let go_type = go_type(&other);
            return Err(format!(
                "invalid metadata of type {go_type} in converted object"
            ));
        }
    };
    let mut restored = original["metadata"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for field in FREE {
        match answered.get(field) {
            None | Some(Value::Null) => drop(restored.remove(field)),
            Some(Value::Object(pairs)) => {
                check_pairs(field, pairs, restored.get(field))?;
                restored.insert(field.to_owned(), pairs.clone().into());
            }
            Some(other) => {
                let go_type = go_type(other);
                return Err(format!(
                    "invalid metadata.{field} of type {go_type} in converted object"
                ));
            }
        }
    }
    converted["metadata"] = restored.into();
    Ok(())
}

/// What was not changed is not judged.
fn check_pairs(
    field: &str,
    pairs: &Map<String, Value>,
    before: Option<&Value>,
) -> Result<(), String> {
    if let Some((key, value)) = pairs.iter().find(|(_, value)| !value.is_string()) {
        let go_type = go_type(value);
        return Err(format!(
            "metadata.{field}[{key}] must be a string, but is {go_type} in converted object"
        ));
    }
    if before.and_then(Value::as_object) == Some(pairs) {
        return Ok(());
    }
    let path = Path::root("metadata");
    let errors = match field {
        "labels" => validate_labels(Some(pairs), &path.child("labels")),
        _ => validate_annotations(Some(pairs), &path.child("annotation")),
    };
    aggregate(&errors)
}

fn aggregate(errors: &Errors) -> Result<(), String> {
    let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        all => Err(format!("[{}]", all.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn original() -> Value {
        json!({
            "apiVersion": "example.com/v1", "kind": "Thing",
            "metadata": {"name": "a", "namespace": "default", "uid": "u", "generation": 2, "labels": {"old": "1"}},
        })
    }

    fn answered(metadata: Value) -> Value {
        json!({"apiVersion": "example.com/v2", "kind": "Thing", "metadata": metadata, "spec": {}})
    }

    #[test]
    fn an_object_stays_what_it_is() {
        let same = json!({"name": "a", "namespace": "default", "uid": "u"});
        let mut other_kind = answered(same.clone());
        other_kind["kind"] = json!("Other");
        let mut other_version = answered(same.clone());
        other_version["apiVersion"] = json!("example.com/v1");
        let cases = [
            (answered(same), Ok(())),
            (
                other_version,
                Err(
                    "returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)",
                ),
            ),
            (
                other_kind,
                Err(
                    "returned invalid object at index 0: invalid kind (expected Thing, received Other)",
                ),
            ),
            (
                answered(json!({"name": "b", "namespace": "default", "uid": "u"})),
                Err("returned invalid object: must have the same name: a != b"),
            ),
            (
                answered(json!({"name": "a", "uid": "u"})),
                Err("returned invalid object: must have the same namespace: default != "),
            ),
            (
                answered(json!({"name": "a", "namespace": "default", "uid": "x"})),
                Err("returned invalid object: must have the same UID: u != x"),
            ),
        ];
        for (converted, expected) in cases {
            let checked = check(&original(), &converted, "example.com/v2");
            assert_eq!(checked, expected.map_err(str::to_owned), "{converted}");
        }
    }

    #[test]
    fn labels_and_annotations_alone_may_change() {
        let mut converted = answered(json!({
            "name": "a", "generation": 9, "finalizers": ["x"], "labels": {"new": "2"}, "annotations": {"b": "c"},
        }));
        restore(&original(), &mut converted).unwrap();
        assert_eq!(
            converted["metadata"],
            json!({
                "name": "a", "namespace": "default", "uid": "u", "generation": 2,
                "labels": {"new": "2"}, "annotations": {"b": "c"},
            })
        );
        let mut without = answered(json!({"name": "a"}));
        restore(&original(), &mut without).unwrap();
        assert_eq!(without["metadata"]["labels"], Value::Null);
    }

    #[test]
    fn unsound_metadata_is_told() {
        let cases = [
            (
                json!("a"),
                "invalid metadata of type string in converted object",
            ),
            (
                json!({"labels": []}),
                "invalid metadata.labels of type []interface {} in converted object",
            ),
            (
                json!({"annotations": {"a": 1}}),
                "metadata.annotations[a] must be a string, but is int64 in converted object",
            ),
            (
                json!({"labels": {"a": "not a label"}}),
                "metadata.labels: Invalid value: \"not a label\": a valid label must be an empty string or consist of alphanumeric characters",
            ),
        ];
        for (metadata, words) in cases {
            let told = restore(&original(), &mut answered(metadata)).unwrap_err();
            assert!(told.starts_with(words), "{told}");
        }
    }
}
