//! Environment variables of containers.

use crate::field::{Error, Errors};
use crate::kinds::common::{Field, checks, paths};
use crate::names;

/// What of a Pod a variable may show.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// What of a container's resources can be shown, in variables and in files.
pub(super) const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const SOURCES: &[&str] = &[
    "fieldRef",
    "resourceFieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "fileKeyRef",
];

/// What is wrong with `env` and `envFrom` of a container.
pub(super) fn validate(container: &Field<'_>, errors: &mut Errors) {
    for variable in container.get("env").items() {
        let name = variable.get("name");
        checks::required_name(&name, names::env_var_name, errors);
        if variable.get("valueFrom").is_set() {
            value_from(&variable, errors);
        }
    }
    let all = container.get("envFrom");
    for from in all.items() {
        env_from(&from, &all, errors);
    }
}

/// An error about a choice between fields, which has no single value to show.
fn invalid(choice: &Field<'_>, words: &str) -> Error {
    Error::invalid(choice.path(), "", words)
}

fn value_from(variable: &Field<'_>, errors: &mut Errors) {
    let source = variable.get("valueFrom");
    let given = SOURCES
        .iter()
        .filter(|name| source.get(name).is_set())
        .count();
    if given == 0 {
        let words = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, \
                     `secretKeyRef` or `fileKeyRef`";
        errors.push(invalid(&source, words));
    } else if !variable.get("value").is_empty() {
        errors.push(invalid(
            &source,
            "may not be specified when `value` is not empty",
        ));
    } else if given > 1 {
        errors.push(invalid(
            &source,
            "may not have more than one field specified at a time",
        ));
    }
    let field = source.get("fieldRef");
    if field.is_set() {
        field_ref(&field, FIELDS, errors);
    }
    let resource = source.get("resourceFieldRef");
    if resource.is_set() {
        resource_ref(&resource, errors);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let key_ref = source.get(name);
        if key_ref.is_set() {
            checks::must_follow(&key_ref.get("name"), names::dns_subdomain, errors);
            checks::required_name(&key_ref.get("key"), names::config_map_key, errors);
        }
    }
    let file = source.get("fileKeyRef");
    if file.is_set() {
        checks::required_name(&file.get("key"), names::env_var_name, errors);
        checks::required_name(&file.get("volumeName"), names::dns_label, errors);
        paths::file_path(&file.get("path"), errors);
    }
}

/// Files of variables are in volumes that the Pod's own containers fill (KEP-3721).
pub(super) fn validate_files(container: &Field<'_>, volumes: &Field<'_>, errors: &mut Errors) {
    for variable in container.get("env").items() {
        let name = variable
            .get("valueFrom")
            .get("fileKeyRef")
            .get("volumeName");
        if name.is_empty() {
            continue;
        }
        let mut volumes = volumes.items();
        match volumes.find(|volume| volume.get("name").str() == name.str()) {
            None => errors.push(name.not_found()),
            Some(volume) if !volume.get("emptyDir").is_set() => {
                errors.push(name.invalid("referenced volume must be of type emptyDir"));
            }
            Some(_) => {}
        }
    }
}

/// A path into the Pod: one of `known`, or a single label or annotation.
pub(super) fn field_ref(field_ref: &Field<'_>, known: &[&str], errors: &mut Errors) {
    checks::required(&field_ref.get("apiVersion"), errors);
    let path = field_ref.get("fieldPath");
    checks::required(&path, errors);
    match subscript(path.str()) {
        Some(("metadata.labels" | "metadata.annotations", key)) => {
            checks::label_key(&path, &key.to_lowercase(), errors);
        }
        Some(_) => {
            let words = format!("field label does not support subscript: {:?}", path.str());
            errors.push(path.invalid(words));
        }
        None => checks::one_of_if_set(&path, known, errors),
    }
}

/// `metadata.labels['app']` as its two parts.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (field, rest) = path.split_once("['")?;
    Some((field, rest.strip_suffix("']")?))
}

/// A resource of a container.
pub(super) fn resource_ref(resource_ref: &Field<'_>, errors: &mut Errors) {
    let resource = resource_ref.get("resource");
    checks::required(&resource, errors);
    let huge_pages = ["limits.hugepages-", "requests.hugepages-"];
    if !huge_pages
        .iter()
        .any(|prefix| resource.str().starts_with(prefix))
    {
        checks::one_of_if_set(&resource, RESOURCES, errors);
    }
}

fn env_from(from: &Field<'_>, all: &Field<'_>, errors: &mut Errors) {
    checks::name(&from.get("prefix"), names::env_var_name, errors);
    let sources = ["configMapRef", "secretRef"].map(|name| from.get(name));
    match sources.iter().filter(|source| source.is_set()).count() {
        0 => errors.push(invalid(
            all,
            "must specify one of: `configMapRef` or `secretRef`",
        )),
        1 => {}
        _ => errors.push(invalid(
            all,
            "may not have more than one field specified at a time",
        )),
    }
    for source in sources.iter().filter(|source| source.is_set()) {
        checks::required_name(&source.get("name"), names::dns_subdomain, errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(container: Value) -> Vec<String> {
        let mut errors = Errors::new();
        validate(&Field::root(&container), &mut errors);
        words(&errors)
    }

    #[test]
    fn sound_variables() {
        let container = json!({
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B.c-d", "value": ""},
                {"name": "C", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels['App']"}}},
                {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}},
                {"name": "E", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                {"name": "F", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "a/b.env", "key": "F"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "a"}}, {"prefix": "X_", "secretRef": {"name": "a"}}],
        });
        assert_eq!(wrong(container), Vec::<String>::new());
    }

    #[test]
    fn what_users_get_wrong() {
        let container = json!({
            "env": [
                {"value": "1"},
                {"name": "A", "valueFrom": {}},
                {"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {"name": "a"}}},
                {"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.dnsPolicy"}}},
                {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "cpu"}}},
                {"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "V", "path": "../a", "key": "="}}},
            ],
            "envFrom": [{}],
        });
        let words = wrong(container);
        let expected = [
            "env[0].name: Required value",
            "env[1].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, \
             `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            "env[2].valueFrom: Invalid value: \"\": \
             may not be specified when `value` is not empty",
            "env[2].valueFrom.secretKeyRef.key: Required value",
            "env[3].valueFrom.fieldRef.fieldPath: Unsupported value: \"spec.dnsPolicy\": supported values: \
             \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \
             \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            "env[4].valueFrom.resourceFieldRef.resource: Unsupported value: \"cpu\": supported values: \
             \"limits.cpu\", \"limits.ephemeral-storage\", \"limits.memory\", \
             \"requests.cpu\", \"requests.ephemeral-storage\", \"requests.memory\"",
            "env[5].valueFrom.fileKeyRef.key: Invalid value: \"=\": a valid environment variable name must consist only of \
             printable ASCII characters other than '='",
            "env[5].valueFrom.fileKeyRef.volumeName: Invalid value: \"V\": a lowercase RFC 1123 label must consist of lower case \
             alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
             regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "env[5].valueFrom.fileKeyRef.path: Invalid value: \"../a\": must not contain '..'",
            "envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_file_of_variables_is_in_a_folder_of_the_pod() {
        let reads = |volume: &str| json!({"env": [{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": volume}}}]});
        let volumes =
            json!([{"name": "own", "emptyDir": {}}, {"name": "given", "configMap": {"name": "c"}}]);
        let path = "env[0].valueFrom.fileKeyRef.volumeName";
        for (volume, expected) in [
            ("own", None),
            ("none", Some(format!("{path}: Not found: \"none\""))),
            (
                "given",
                Some(format!(
                    "{path}: Invalid value: \"given\": referenced volume must be of type emptyDir"
                )),
            ),
        ] {
            let mut errors = Errors::new();
            let container = reads(volume);
            let volumes = Field::root(&volumes);
            validate_files(&Field::root(&container), &volumes, &mut errors);
            assert_eq!(words(&errors), Vec::from_iter(expected));
        }
    }
}
