//! JSON patches and merge patches against the words of their RFCs, read literally.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{PatchType, apply_patch};
use crate::testing::any_json;
use crate::{Schema, Status};

/// Names of fields, some of which a pointer has to escape.
const KEYS: &str = "[a-c]|d/e|f~g";

/// These forms of patch do not ask what the object is.
static ANY: LazyLock<Schema> = LazyLock::new(|| Schema::structural(&json!({})));

fn patched(form: PatchType, object: &Value, patch: &Value) -> Result<Value, Status> {
    apply_patch(form, object, patch, &ANY)
}

/// A token of a pointer as an index of a list (RFC 6901: no sign, no leading zero).
fn index(token: &str) -> Option<usize> {
    let index: usize = token.parse().ok()?;
    (index.to_string() == token).then_some(index)
}

fn tokens(path: &str) -> Vec<String> {
    let tokens = path.split('/').skip(1);
    tokens
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn pointed<'a>(document: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(document, |at, token| match at {
        Value::Object(fields) => fields.get(token),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    })
}

/// The document with something else in the place of what holds the last token.
fn rebuilt(
    document: &Value,
    path: &[String],
    change: &dyn Fn(&Value, &str) -> Option<Value>,
) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    if rest.is_empty() {
        return change(document, first);
    }
    let inner = pointed(document, &path[..1])?;
    let inner = rebuilt(inner, rest, change)?;
    let mut document = document.clone();
    match &mut document {
        Value::Array(items) => items[index(first)?] = inner,
        fields => fields[first] = inner,
    }
    Some(document)
}

fn added(document: &Value, path: &[String], value: &Value) -> Option<Value> {
    if path.is_empty() {
        return Some(value.clone());
    }
    rebuilt(document, path, &|holder, last| match holder {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.insert(last.to_owned(), value.clone());
            Some(fields.into())
        }
        Value::Array(items) => {
            let at = if last == "-" {
                items.len()
            } else {
                index(last)?
            };
            let (before, after) = items.split_at_checked(at)?;
            Some([before, std::slice::from_ref(value), after].concat().into())
        }
        _ => None,
    })
}

fn removed(document: &Value, path: &[String]) -> Option<Value> {
    pointed(document, path)?;
    rebuilt(document, path, &|holder, last| {
        let mut holder = holder.clone();
        match &mut holder {
            Value::Object(fields) => fields.remove(last),
            Value::Array(items) => Some(items.remove(index(last)?)),
            _ => None,
        }?;
        Some(holder)
    })
}

/// RFC 6902, section 4; `None` where the operation must fail.
fn operated(document: &Value, operation: &Value) -> Option<Value> {
    let pointer = |field: &str| tokens(operation[field].as_str().unwrap_or_default());
    let (path, from, value) = (pointer("path"), pointer("from"), &operation["value"]);
    match operation["op"].as_str()? {
        "add" => added(document, &path, value),
        "remove" => removed(document, &path),
        "replace" if path.is_empty() => Some(value.clone()),
        "replace" => added(&removed(document, &path)?, &path, value),
        "move" if path.len() > from.len() && path.starts_with(&from) => None,
        "move" => added(&removed(document, &from)?, &path, pointed(document, &from)?),
        "copy" => added(document, &path, pointed(document, &from)?),
        "test" => (pointed(document, &path)? == value).then(|| document.clone()),
        _ => None,
    }
}

/// A pointer into a document, led by numbers: mostly to something that is there.
fn pointer_into(document: &Value, picks: &[usize]) -> String {
    let mut path = String::new();
    let mut at = Some(document);
    for pick in picks {
        let steps: Vec<String> = match at {
            Some(Value::Object(fields)) => {
                let names = fields.keys().map(String::as_str).chain(["new"]);
                names
                    .map(|name| name.replace('~', "~0").replace('/', "~1"))
                    .collect()
            }
            Some(Value::Array(items)) => {
                let places = (0..=items.len()).map(|index| index.to_string());
                places.chain(["-".to_owned(), "00".to_owned()]).collect()
            }
            _ => break,
        };
        path = format!("{path}/{}", steps[pick % steps.len()]);
        at = pointed(document, &tokens(&path));
    }
    path
}

/// An operation, as numbers that are read when the document is known that it is done to.
type Drawn = (&'static str, Vec<usize>, Vec<usize>, Value);

fn drawn() -> impl Strategy<Value = Drawn> {
    let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]);
    let picks = || prop::collection::vec(0..100_usize, 0..4);
    (op, picks(), picks(), any_json(KEYS))
}

fn operation((op, path, from, value): &Drawn, document: &Value) -> Value {
    let path = pointer_into(document, path);
    match *op {
        "remove" => json!({ "op": op, "path": path }),
        "move" | "copy" => {
            json!({ "op": op, "path": path, "from": pointer_into(document, from) })
        }
        // Half of them are to succeed.
        "test" if from.len() % 2 == 0 => {
            let standing = pointed(document, &tokens(&path)).unwrap_or(value);
            json!({ "op": op, "path": path, "value": standing })
        }
        _ => json!({ "op": op, "path": path, "value": value }),
    }
}

/// The operations that lead from one document to another.
fn operations(from: &Value, to: &Value, path: &str, into: &mut Vec<Value>) {
    let below = |token: &str| format!("{path}/{}", token.replace('~', "~0").replace('/', "~1"));
    match (from, to) {
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            into.extend(gone.map(|key| json!({ "op": "remove", "path": below(key) })));
            for (key, new) in new {
                match old.get(key) {
                    Some(old) => operations(old, new, &below(key), into),
                    None => into.push(json!({ "op": "add", "path": below(key), "value": new })),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                operations(old, new, &below(&at.to_string()), into);
            }
            let gone = (new.len()..old.len()).rev();
            into.extend(gone.map(|at| json!({ "op": "remove", "path": below(&at.to_string()) })));
            let more = new.iter().skip(old.len());
            into.extend(more.map(|new| json!({ "op": "add", "path": below("-"), "value": new })));
        }
        _ if from == to => {}
        _ => into.push(json!({ "op": "replace", "path": path, "value": to })),
    }
}

/// RFC 7396, section 2.
fn merged(target: Option<&Value>, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let empty = Map::new();
    let target = target.and_then(Value::as_object).unwrap_or(&empty);
    let kept = target.iter().filter(|(name, _)| !patch.contains_key(*name));
    let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
    let changed = patch.iter().filter(|(_, value)| !value.is_null());
    let changed = changed.map(|(name, value)| (name.clone(), merged(target.get(name), value)));
    kept.chain(changed).collect()
}

/// The merge patch that leads from one document to another.
fn merge_difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let gone = from.keys().filter(|name| !to.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    let changed = to.iter().filter(|(name, new)| from.get(*name) != Some(new));
    let changed = changed.map(|(name, new)| {
        let old = from.get(name).unwrap_or(&Value::Null);
        (name.clone(), merge_difference(old, new))
    });
    gone.chain(changed).collect()
}

/// Without the fields that are null, which a merge patch cannot set.
fn without_nulls(value: Value) -> Value {
    let Value::Object(fields) = value else {
        return value;
    };
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    fields
        .map(|(name, value)| (name, without_nulls(value)))
        .collect()
}

fn any_object() -> impl Strategy<Value = Value> {
    let fields = prop::collection::btree_map(KEYS, any_json(KEYS), 0..5);
    fields.prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn operations_do_what_the_rfc_says(object in any_object(), drawn in prop::collection::vec(drawn(), 1..6)) {
        let mut expected = Some(object.clone());
        let mut patch = Vec::new();
        for drawn in &drawn {
            let Some(standing) = expected else { break };
            let operation = operation(drawn, &standing);
            expected = operated(&standing, &operation);
            patch.push(operation);
        }
        let result = patched(PatchType::Json, &object, &Value::Array(patch));
        if let Err(refused) = &result {
            prop_assert_eq!(refused.code(), 422);
        }
        prop_assert_eq!(result.ok(), expected);
    }

    #[test]
    fn operations_lead_from_any_object_to_any_other(from in any_object(), to in any_object()) {
        let mut patch = Vec::new();
        operations(&from, &to, "", &mut patch);
        prop_assert_eq!(patched(PatchType::Json, &from, &Value::Array(patch)), Ok(to));
    }

    #[test]
    fn a_merge_is_what_the_rfc_says(object in any_object(), patch in any_object()) {
        let once = patched(PatchType::Merge, &object, &patch).unwrap();
        prop_assert_eq!(&once, &merged(Some(&object), &patch));
        let twice = patched(PatchType::Merge, &once, &patch);
        prop_assert_eq!(twice, Ok(once), "to merge again changes nothing");
    }

    #[test]
    fn a_merge_leads_from_any_object_to_any_other(from in any_object(), to in any_object()) {
        let to = without_nulls(to);
        let patch = merge_difference(&from, &to);
        prop_assert_eq!(patched(PatchType::Merge, &from, &patch), Ok(to));
    }
}
