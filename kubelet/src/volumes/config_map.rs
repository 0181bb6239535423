//! `configMap`: the keys of a ConfigMap as files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ConfigMapVolumeSource, KeyToPath};

use super::VolumeError;
use super::payload::{self, DEFAULT_MODE, Payload};
use crate::objects::Objects;

pub(super) async fn payload(
    objects: &Objects,
    namespace: &str,
    source: &ConfigMapVolumeSource,
) -> Result<Payload, VolumeError> {
    let mode = payload::mode(source.default_mode).unwrap_or(DEFAULT_MODE);
    let optional = source.optional == Some(true);
    files(
        objects,
        namespace,
        &source.name,
        source.items.as_ref(),
        mode,
        optional,
    )
    .await
}

/// The files of the ConfigMap of that name; none if it does not exist and is optional.
pub(super) async fn files(
    objects: &Objects,
    namespace: &str,
    name: &str,
    items: Option<&Vec<KeyToPath>>,
    default_mode: u32,
    optional: bool,
) -> Result<Payload, VolumeError> {
    match objects.config_maps.get(namespace, name).await? {
        Some(map) => payload::project("configmap", &data(&map), items, default_mode, optional),
        None if optional => Ok(Payload::new()),
        None => Err(VolumeError::Refused(format!(
            "configmap {name:?} not found"
        ))),
    }
}

fn data(map: &ConfigMap) -> BTreeMap<String, Vec<u8>> {
    let text = map.data.iter().flatten();
    let binary = map.binary_data.iter().flatten();
    text.map(|(key, value)| (key.clone(), value.clone().into_bytes()))
        .chain(binary.map(|(key, value)| (key.clone(), value.0.clone())))
        .collect()
}
