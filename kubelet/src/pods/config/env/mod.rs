//! The environment of a container.

mod error;
mod file;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvFromSource, EnvVar, FileKeySelector, Pod, Secret, Service,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

pub(crate) use self::error::EnvError;
use super::expand::expand;
use super::service_env;

/// What a container's environment refers to.
#[derive(Default)]
pub(crate) struct Sources {
    /// Those of the Pod's namespace by name; absent if there are none of that name.
    pub(crate) config_maps: BTreeMap<String, Arc<ConfigMap>>,
    pub(crate) secrets: BTreeMap<String, Arc<Secret>>,
    pub(crate) files: Files,
}

/// The texts of files by volume and path, or why they cannot be read; `None` if there is no such file.
pub(crate) type Files = BTreeMap<(String, String), Result<Option<String>, String>>;

/// All that an environment is made from.
pub(crate) struct Input<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) container: &'a Container,
    pub(crate) ips: &'a [String],
    pub(crate) node_ip: &'a str,
    pub(crate) allocatable: &'a BTreeMap<String, Quantity>,
    /// Those of the Pod's namespace, and `default/kubernetes`.
    pub(crate) services: &'a [Arc<Service>],
    pub(crate) sources: &'a Sources,
}

/// The names of the ConfigMaps and Secrets that a container's environment refers to.
pub(crate) fn references(container: &Container) -> (Vec<&str>, Vec<&str>) {
    let mut config_maps = Vec::new();
    let mut secrets = Vec::new();
    for source in container.env_from.iter().flatten() {
        config_maps.extend(source.config_map_ref.iter().map(|one| one.name.as_str()));
        secrets.extend(source.secret_ref.iter().map(|one| one.name.as_str()));
    }
    let sources = container.env.iter().flatten();
    for source in sources.filter_map(|variable| variable.value_from.as_ref()) {
        config_maps.extend(
            source
                .config_map_key_ref
                .iter()
                .map(|one| one.name.as_str()),
        );
        secrets.extend(source.secret_key_ref.iter().map(|one| one.name.as_str()));
    }
    (config_maps, secrets)
}

/// The files in volumes that a container's environment refers to.
pub(crate) fn files(container: &Container) -> impl Iterator<Item = &FileKeySelector> {
    let variables = container.env.iter().flatten();
    variables.filter_map(|one| one.value_from.as_ref()?.file_key_ref.as_ref())
}

/// The variables in the order of the spec, then those of Services that the spec does not set itself.
pub(crate) fn environment(input: &Input<'_>) -> Result<Vec<(String, String)>, EnvError> {
    let service_variables = service_env::variables(input.services.iter().map(Arc::as_ref));
    let mut known = service_variables.clone();
    let mut set: Vec<(String, String)> = Vec::new();
    for source in input.container.env_from.iter().flatten() {
        for (name, value) in imported(input, source)? {
            known.insert(name.clone(), value.clone());
            set.push((name, value));
        }
    }
    for variable in input.container.env.iter().flatten() {
        let Some(value) = value_of(input, variable, &known)? else {
            continue;
        };
        known.insert(variable.name.clone(), value.clone());
        set.push((variable.name.clone(), value));
    }
    let mut environment: Vec<(String, String)> = Vec::new();
    for (name, value) in set {
        match environment.iter_mut().find(|(known, _)| *known == name) {
            Some(earlier) => earlier.1 = value,
            None => environment.push((name, value)),
        }
    }
    for (name, value) in service_variables {
        if !environment.iter().any(|(known, _)| *known == name) {
            environment.push((name, value));
        }
    }
    Ok(environment)
}

/// A container's command and arguments with `$(NAME)` replaced.
pub(crate) fn expanded(
    texts: Option<&Vec<String>>,
    environment: &[(String, String)],
) -> Vec<String> {
    let variables = environment.iter().cloned().collect();
    let texts = texts.into_iter().flatten();
    texts.map(|text| expand(text, &variables)).collect()
}

/// A text with `$(NAME)` replaced by the variables of an environment.
pub(crate) fn expand_text(text: &str, environment: &[(String, String)]) -> String {
    expand(text, &environment.iter().cloned().collect())
}

fn imported(input: &Input<'_>, source: &EnvFromSource) -> Result<Vec<(String, String)>, EnvError> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    let prefixed = |name: &String, value: String| (format!("{prefix}{name}"), value);
    if let Some(reference) = &source.config_map_ref {
        let Some(map) = input.sources.config_maps.get(&reference.name) else {
            return absent(
                reference.optional,
                EnvError::NoConfigMap(reference.name.clone()),
            );
        };
        let data = map.data.iter().flatten();
        return Ok(data
            .map(|(name, value)| prefixed(name, value.clone()))
            .collect());
    }
    if let Some(reference) = &source.secret_ref {
        let Some(secret) = input.sources.secrets.get(&reference.name) else {
            return absent(
                reference.optional,
                EnvError::NoSecret(reference.name.clone()),
            );
        };
        let data = secret.data.iter().flatten();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        return Ok(data
            .map(|(name, value)| prefixed(name, text(&value.0)))
            .collect());
    }
    Ok(Vec::new())
}

fn absent<T: Default>(optional: Option<bool>, error: EnvError) -> Result<T, EnvError> {
    if optional == Some(true) {
        Ok(T::default())
    } else {
        Err(error)
    }
}

/// The value of a variable; `None` if it comes from an optional source that is not there.
fn value_of(
    input: &Input<'_>,
    variable: &EnvVar,
    known: &BTreeMap<String, String>,
) -> Result<Option<String>, EnvError> {
    match (&variable.value, &variable.value_from) {
        (Some(value), _) if !value.is_empty() => Ok(Some(expand(value, known))),
        (_, Some(source)) => source::value(input, source),
        _ => Ok(Some(String::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn environment_of(container: Value) -> Result<Vec<(String, String)>, EnvError> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "ns"}, "spec": {"containers": []}
        }))
        .expect("a Pod");
        let container: Container = serde_json::from_value(container).expect("a container");
        let config: ConfigMap =
            serde_json::from_value(json!({"data": {"color": "red", "size": "9"}}))
                .expect("a ConfigMap");
        let secret: Secret =
            serde_json::from_value(json!({"data": {"key": "czNjcmV0"}})).expect("a Secret");
        let service: Service = serde_json::from_value(json!({
            "metadata": {"name": "db"}, "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 5432}]}
        }))
        .expect("a Service");
        let sources = Sources {
            config_maps: [("cm".to_owned(), Arc::new(config))].into(),
            secrets: [("s".to_owned(), Arc::new(secret))].into(),
            files: [
                file("good.env", Ok(Some("PORT='80'\nNONE=''\n"))),
                file("bad.env", Ok(Some("PORT=80"))),
                file("none.env", Ok(None)),
            ]
            .into(),
        };
        let all = environment(&Input {
            pod: &pod,
            container: &container,
            ips: &["10.0.0.2".to_owned()],
            node_ip: "192.168.0.1",
            allocatable: &BTreeMap::new(),
            services: &[Arc::new(service)],
            sources: &sources,
        })?;
        // What the Service adds is the same in all cases.
        Ok(all
            .into_iter()
            .filter(|(name, _)| !name.starts_with("DB_PORT"))
            .collect())
    }

    type File = ((String, String), Result<Option<String>, String>);

    fn file(path: &str, text: Result<Option<&str>, String>) -> File {
        let key = ("cache".to_owned(), path.to_owned());
        (key, text.map(|text| text.map(str::to_owned)))
    }

    fn in_file(path: &str, key: &str, optional: bool) -> Value {
        let file = json!({"volumeName": "cache", "path": path, "key": key, "optional": optional});
        json!({"name": "V", "valueFrom": {"fileKeyRef": file}})
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let services = [("DB_SERVICE_HOST", "10.0.0.1"), ("DB_SERVICE_PORT", "5432")];
        pairs.iter().chain(&services).map(own).collect()
    }

    #[test]
    fn later_variables_see_earlier_ones_and_services() {
        let container = json!({"name": "c",
        "envFrom": [{"prefix": "CM_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "none", "optional": true}}],
        "env": [
            {"name": "A", "value": "$(CM_color)-$(B)"},
            {"name": "B", "value": "$(A)"},
            {"name": "URL", "value": "pg://$(DB_SERVICE_HOST)"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}},
            {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "none", "optional": true}}},
            {"name": "EMPTY"}
        ]});
        let expected = pairs(&[
            ("CM_color", "red"),
            ("CM_size", "9"),
            ("A", "red-$(B)"),
            ("B", "red-$(B)"),
            ("URL", "pg://10.0.0.1"),
            ("IP", "10.0.0.2"),
            ("KEY", "s3cret"),
            ("EMPTY", ""),
        ]);
        assert_eq!(environment_of(container), Ok(expected));
    }

    #[test]
    fn files_in_volumes_are_read() {
        let expected = |value: Option<&str>| match value {
            Some(value) => pairs(&[("V", value)]),
            None => pairs(&[]),
        };
        for (variable, value) in [
            (in_file("good.env", "PORT", false), Some("80")),
            (in_file("good.env", "NONE", false), Some("")),
            (in_file("good.env", "HOST", true), None),
            (in_file("none.env", "PORT", true), None),
        ] {
            let found = environment_of(json!({"name": "c", "env": [variable]}));
            assert_eq!(found, Ok(expected(value)), "{variable}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                in_file("good.env", "HOST", false),
                "environment variable key \"HOST\" not found in file \"good.env\"",
            ),
            (
                in_file("none.env", "PORT", false),
                "couldn't parse env file: \"none.env\": no such file",
            ),
            (
                in_file("bad.env", "PORT", true),
                "couldn't parse env file: \"bad.env\": invalid environment variable format at line 1: \
                 value must be enclosed in single quotes",
            ),
            (
                json!({"name": "V", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}),
                "configmap \"none\" not found",
            ),
            (
                json!({"name": "V", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}),
                "secret \"none\" not found",
            ),
            (
                json!({"name": "V", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}),
                "couldn't find key k in ConfigMap ns/cm",
            ),
            (
                json!({"name": "V", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}),
                "couldn't find key k in Secret ns/s",
            ),
        ];
        for (variable, expected) in cases {
            let error =
                environment_of(json!({"name": "c", "env": [variable]})).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }
}
