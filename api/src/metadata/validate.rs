//! The rules of `metadata`, worded as Kubernetes words them (k8s.io/apimachinery/pkg/api/validation).

use serde_json::{Map, Value};

use super::{
    FOREGROUND, ORPHAN, OwnerReference, annotations, deletion_timestamp, finalizers, generate_name,
    generation, labels, name, namespace, owner_references, text,
};
use crate::field::{Error, Errors, Path};
use crate::{Scope, Strategy, names};

/// All annotations of an object together, keys and values, in bytes.
const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;

/// Finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", ORPHAN, FOREGROUND];

/// Whether finalizers of any name may be set: on custom resources and their definitions.
fn takes_plain_finalizers(object: &Value) -> bool {
    let group = text(&object["apiVersion"])
        .split_once('/')
        .map(|(group, _)| group);
    group.is_some_and(|group| {
        group == "apiextensions.k8s.io" || (group.contains('.') && !group.ends_with(".k8s.io"))
    })
}

/// What is wrong with the metadata of a new object.
///
/// The kind's `strategy` judges the name, and `generateName` as the prefix of one.
pub fn validate(object: &Value, scope: Scope, strategy: &dyn Strategy) -> Errors {
    let path = Path::root("metadata");
    let mut errors = validate_names(object, strategy, &path);
    errors.extend(validate_namespace(object, scope, &path));
    errors.extend(validate_generation(object, &path));
    errors.extend(validate_contents(object, &path));
    errors
}

/// What is wrong with the step from `old` to `new`. `resourceVersion` is the caller's to compare.
pub fn validate_update(new: &Value, old: &Value) -> Errors {
    const IMMUTABLE: [&str; 6] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];
    let path = Path::root("metadata");
    let (new_meta, old_meta) = (&new["metadata"], &old["metadata"]);
    let mut errors = Errors::new();
    if deletion_timestamp(old).is_some() {
        errors.extend(validate_no_new_finalizers(
            new,
            old,
            &path.child("finalizers"),
        ));
    }
    if generation(new) < generation(old) {
        let generation = generation(new);
        errors.push(Error::invalid(
            &path.child("generation"),
            generation,
            "must not be decremented",
        ));
    }
    for field in IMMUTABLE {
        errors.extend(validate_immutable(
            &new_meta[field],
            &old_meta[field],
            &path.child(field),
        ));
    }
    errors.extend(validate_contents(new, &path));
    errors
}

/// `path: Invalid value: new: field is immutable`, if the value changed.
pub fn validate_immutable(new: &Value, old: &Value, path: &Path) -> Option<Error> {
    (new != old).then(|| Error::invalid(path, new.clone(), "field is immutable"))
}

/// What is wrong with a map of labels, such as `metadata.labels` or a Service's selector.
pub fn validate_labels(labels: Option<&Map<String, Value>>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (key, value) in labels.into_iter().flatten() {
        errors.extend(invalid(path, key, names::qualified_name(key)));
        errors.extend(invalid(path, text(value), names::label_value(text(value))));
    }
    errors
}

/// What is wrong with a map of annotations.
pub fn validate_annotations(annotations: Option<&Map<String, Value>>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        errors.extend(invalid(
            path,
            key,
            names::qualified_name(&key.to_lowercase()),
        ));
        size += key.len() + text(value).len();
    }
    if size > ANNOTATIONS_MAX_BYTES {
        errors.push(Error::too_long(path, ANNOTATIONS_MAX_BYTES));
    }
    errors
}

fn validate_names(object: &Value, strategy: &dyn Strategy, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let prefix = generate_name(object);
    if !prefix.is_empty() {
        let prefix_path = path.child("generateName");
        let masked = names::mask_trailing_dash(prefix);
        errors.extend(
            strategy
                .validate_name(&masked, &prefix_path)
                .into_iter()
                .map(|error| Error {
                    value: Some(prefix.into()),
                    ..error
                }),
        );
    }
    let name_path = path.child("name");
    match name(object) {
        "" => errors.push(Error::required(
            &name_path,
            "name or generateName is required",
        )),
        name => errors.extend(strategy.validate_name(name, &name_path)),
    }
    errors
}

fn validate_namespace(object: &Value, scope: Scope, path: &Path) -> Errors {
    let path = path.child("namespace");
    match (scope, namespace(object)) {
        (Scope::Namespaced, "") => vec![Error::required(&path, "")],
        (Scope::Namespaced, namespace) => invalid(&path, namespace, names::dns_label(namespace)),
        (Scope::Cluster, "") => Errors::new(),
        (Scope::Cluster, _) => vec![Error::forbidden(&path, "not allowed on this type")],
    }
}

fn validate_generation(object: &Value, path: &Path) -> Option<Error> {
    let generation = generation(object);
    let rule = "must be greater than or equal to 0";
    (generation < 0).then(|| Error::invalid(&path.child("generation"), generation, rule))
}

/// What a create and an update have in common.
fn validate_contents(object: &Value, path: &Path) -> Errors {
    let mut errors = validate_labels(labels(object), &path.child("labels"));
    errors.extend(validate_annotations(
        annotations(object),
        &path.child("annotations"),
    ));
    errors.extend(validate_owner_references(
        object,
        &path.child("ownerReferences"),
    ));
    errors.extend(validate_finalizers(object, &path.child("finalizers")));
    errors
}

fn validate_owner_references(object: &Value, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut controller: Option<OwnerReference> = None;
    for owner in owner_references(object) {
        errors.extend(validate_owner_reference(&owner, path));
        if !owner.controller {
            continue;
        }
        if let Some(first) = controller {
            let all = object["metadata"]["ownerReferences"].clone();
            let words = format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
                first.name, owner.name
            );
            errors.push(Error::invalid(path, all, words));
        }
        controller.get_or_insert(owner);
    }
    errors
}

fn validate_owner_reference(owner: &OwnerReference, path: &Path) -> Errors {
    let (group, version) = owner
        .api_version
        .rsplit_once('/')
        .unwrap_or(("", owner.api_version));
    let fields = [
        (
            "apiVersion",
            owner.api_version,
            version,
            "version must not be empty",
        ),
        ("kind", owner.kind, owner.kind, "kind must not be empty"),
        ("name", owner.name, owner.name, "name must not be empty"),
        ("uid", owner.uid, owner.uid, "uid must not be empty"),
    ];
    let mut errors: Errors = fields
        .into_iter()
        .filter(|(_, _, checked, _)| checked.is_empty())
        .map(|(field, value, _, words)| Error::invalid(&path.child(field), value, words))
        .collect();
    if group.is_empty() && version == "v1" && owner.kind == "Event" {
        let words = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(Error::invalid(path, owner.name, words));
    }
    errors
}

fn validate_finalizers(object: &Value, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, finalizer) in finalizers(object).enumerate() {
        errors.extend(invalid(path, finalizer, names::qualified_name(finalizer)));
        let is_plain = !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer);
        if is_plain && !takes_plain_finalizers(object) {
            let words = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(Error::invalid(&path.index(index), finalizer, words));
        }
    }
    let has = |wanted| finalizers(object).any(|finalizer| finalizer == wanted);
    if has(ORPHAN) && has(FOREGROUND) {
        let all = object["metadata"]["finalizers"].clone();
        let words = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(Error::invalid(path, all, words));
    }
    errors
}

fn validate_no_new_finalizers(new: &Value, old: &Value, path: &Path) -> Option<Error> {
    let known: Vec<&str> = finalizers(old).collect();
    let mut added: Vec<&str> = finalizers(new)
        .filter(|finalizer| !known.contains(finalizer))
        .collect();
    if added.is_empty() {
        return None;
    }
    added.sort_unstable();
    let quoted: Vec<String> = added
        .iter()
        .map(|finalizer| format!("{finalizer:?}"))
        .collect();
    let words =
        "no new finalizers can be added if the object is being deleted, found new finalizers";
    Some(Error::forbidden(
        path,
        format!("{words} []string{{{}}}", quoted.join(", ")),
    ))
}

/// One error for each of the words that say what is wrong with a text.
pub(crate) fn invalid(path: &Path, value: &str, wrong: Vec<String>) -> Errors {
    wrong
        .into_iter()
        .map(|words| Error::invalid(path, value, words))
        .collect()
}
