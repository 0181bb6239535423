//! Where a variable's value comes from.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapKeySelector, EnvVarSource, FileKeySelector, Pod, Secret, SecretKeySelector,
};

use super::{EnvError, Input, absent, file};
use crate::pods::config::fields;
use crate::pods::object;

/// The bounds of what is read from files, as the kubelet has them.
const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 32 * 1024;

/// The value that a source has; `None` if it is optional and not there.
pub(super) fn value(input: &Input<'_>, source: &EnvVarSource) -> Result<Option<String>, EnvError> {
    let Input {
        pod,
        container,
        ips,
        node_ip,
        allocatable,
        ..
    } = input;
    if let Some(selector) = &source.field_ref {
        let value = fields::field(pod, ips, node_ip, &selector.field_path);
        return value.map(Some).map_err(EnvError::Field);
    }
    if let Some(selector) = &source.resource_field_ref {
        let named = selector
            .container_name
            .as_deref()
            .filter(|name| !name.is_empty());
        let container = named
            .and_then(|name| object::container(pod, name))
            .unwrap_or(container);
        let value = fields::resource(container, allocatable, selector);
        return value.map(Some).map_err(EnvError::Field);
    }
    if let Some(selector) = &source.config_map_key_ref {
        let map = input.sources.config_maps.get(&selector.name);
        return in_config_map(pod, map.map(Arc::as_ref), selector);
    }
    if let Some(selector) = &source.secret_key_ref {
        let secret = input.sources.secrets.get(&selector.name);
        return in_secret(pod, secret.map(Arc::as_ref), selector);
    }
    match &source.file_key_ref {
        Some(selector) => in_file(input, selector),
        None => Ok(Some(String::new())),
    }
}

fn in_config_map(
    pod: &Pod,
    map: Option<&ConfigMap>,
    ConfigMapKeySelector {
        key,
        name,
        optional,
    }: &ConfigMapKeySelector,
) -> Result<Option<String>, EnvError> {
    let Some(map) = map else {
        return absent(*optional, EnvError::NoConfigMap(name.clone()));
    };
    match map.data.as_ref().and_then(|data| data.get(key)) {
        Some(value) => Ok(Some(value.clone())),
        None => absent(*optional, no_key(pod, "ConfigMap", name, key)),
    }
}

fn in_secret(
    pod: &Pod,
    secret: Option<&Secret>,
    SecretKeySelector {
        key,
        name,
        optional,
    }: &SecretKeySelector,
) -> Result<Option<String>, EnvError> {
    let Some(secret) = secret else {
        return absent(*optional, EnvError::NoSecret(name.clone()));
    };
    match secret.data.as_ref().and_then(|data| data.get(key)) {
        Some(value) => Ok(Some(String::from_utf8_lossy(&value.0).into_owned())),
        None => absent(*optional, no_key(pod, "Secret", name, key)),
    }
}

fn no_key(pod: &Pod, kind: &'static str, name: &str, key: &str) -> EnvError {
    EnvError::NoKey {
        kind,
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: name.to_owned(),
        key: key.to_owned(),
    }
}

/// A variable of a file that another container wrote (KEP-3721).
fn in_file(
    input: &Input<'_>,
    FileKeySelector {
        key,
        optional,
        path,
        volume_name,
    }: &FileKeySelector,
) -> Result<Option<String>, EnvError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(EnvError::LongKey(key.clone()));
    }
    let place = (volume_name.clone(), path.clone());
    let Some(read) = input.sources.files.get(&place) else {
        return Err(EnvError::NoVolume(volume_name.clone()));
    };
    let unreadable = |why: String| EnvError::File {
        path: path.clone(),
        why,
    };
    let Some(text) = read.as_ref().map_err(|why| unreadable(why.clone()))? else {
        return absent(*optional, unreadable("no such file".to_owned()));
    };
    match file::value(text, key).map_err(|error| unreadable(error.to_string()))? {
        Some(value) if value.len() > MAX_VALUE_BYTES => Err(EnvError::LargeValue(key.clone())),
        Some(value) => Ok(Some(value)),
        None => absent(
            *optional,
            EnvError::NoKeyInFile {
                key: key.clone(),
                path: path.clone(),
            },
        ),
    }
}
