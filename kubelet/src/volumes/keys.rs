//! `configMap` and `secret`: the keys of an object as files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapProjection, ConfigMapVolumeSource, KeyToPath, Secret, SecretProjection,
    SecretVolumeSource,
};

use super::VolumeError;
use super::payload::{self, Payload};
use crate::objects::Objects;

/// The object whose keys become files.
#[derive(Clone, Copy)]
enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    /// As messages name it.
    fn word(self) -> &'static str {
        match self {
            Kind::ConfigMap => "configmap",
            Kind::Secret => "secret",
        }
    }
}

/// Which keys of which object.
pub(super) struct Source<'a> {
    kind: Kind,
    name: &'a str,
    items: Option<&'a Vec<KeyToPath>>,
    is_optional: bool,
}

impl<'a> Source<'a> {
    fn new(
        kind: Kind,
        name: &'a str,
        items: Option<&'a Vec<KeyToPath>>,
        optional: Option<bool>,
    ) -> Self {
        let is_optional = optional == Some(true);
        Self {
            kind,
            name,
            items,
            is_optional,
        }
    }
}

impl<'a> From<&'a ConfigMapVolumeSource> for Source<'a> {
    fn from(of: &'a ConfigMapVolumeSource) -> Self {
        Self::new(Kind::ConfigMap, &of.name, of.items.as_ref(), of.optional)
    }
}

impl<'a> From<&'a ConfigMapProjection> for Source<'a> {
    fn from(of: &'a ConfigMapProjection) -> Self {
        Self::new(Kind::ConfigMap, &of.name, of.items.as_ref(), of.optional)
    }
}

impl<'a> From<&'a SecretVolumeSource> for Source<'a> {
    fn from(of: &'a SecretVolumeSource) -> Self {
        let name = of.secret_name.as_deref().unwrap_or_default();
        Self::new(Kind::Secret, name, of.items.as_ref(), of.optional)
    }
}

impl<'a> From<&'a SecretProjection> for Source<'a> {
    fn from(of: &'a SecretProjection) -> Self {
        Self::new(Kind::Secret, &of.name, of.items.as_ref(), of.optional)
    }
}

/// The files of the source; none if its object does not exist and is optional.
pub(super) async fn files(
    objects: &Objects,
    namespace: &str,
    source: Source<'_>,
    default_mode: u32,
) -> Result<Payload, VolumeError> {
    let Source { kind, name, .. } = source;
    let data = match kind {
        Kind::ConfigMap => {
            let found = objects.config_maps.get(namespace, name).await?;
            found.map(|map| data_of_config_map(&map))
        }
        Kind::Secret => {
            let found = objects.secrets.get(namespace, name).await?;
            found.map(|secret| data_of_secret(&secret))
        }
    };
    match data {
        Some(data) => payload::project(
            kind.word(),
            &data,
            source.items,
            default_mode,
            source.is_optional,
        ),
        None if source.is_optional => Ok(Payload::new()),
        None => {
            let words = format!("{} {name:?} not found", kind.word());
            Err(VolumeError::Refused(words))
        }
    }
}

fn data_of_config_map(map: &ConfigMap) -> BTreeMap<String, Vec<u8>> {
    let text = map.data.iter().flatten();
    let binary = map.binary_data.iter().flatten();
    text.map(|(key, value)| (key.clone(), value.clone().into_bytes()))
        .chain(binary.map(|(key, value)| (key.clone(), value.0.clone())))
        .collect()
}

fn data_of_secret(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.iter().flatten();
    data.map(|(key, value)| (key.clone(), value.0.clone()))
        .collect()
}
