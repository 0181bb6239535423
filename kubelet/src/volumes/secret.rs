//! `secret`: the keys of a Secret as files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{KeyToPath, SecretVolumeSource};

use super::VolumeError;
use super::payload::{self, DEFAULT_MODE, Payload};
use crate::objects::Objects;

pub(super) async fn payload(
    objects: &Objects,
    namespace: &str,
    source: &SecretVolumeSource,
) -> Result<Payload, VolumeError> {
    let mode = payload::mode(source.default_mode).unwrap_or(DEFAULT_MODE);
    let optional = source.optional == Some(true);
    let name = source.secret_name.as_deref().unwrap_or_default();
    files(
        objects,
        namespace,
        name,
        source.items.as_ref(),
        mode,
        optional,
    )
    .await
}

/// The files of the Secret of that name; none if it does not exist and is optional.
pub(super) async fn files(
    objects: &Objects,
    namespace: &str,
    name: &str,
    items: Option<&Vec<KeyToPath>>,
    default_mode: u32,
    optional: bool,
) -> Result<Payload, VolumeError> {
    match objects.secrets.get(namespace, name).await? {
        Some(secret) => {
            let data = secret.data.iter().flatten();
            let data: BTreeMap<_, _> = data
                .map(|(key, value)| (key.clone(), value.0.clone()))
                .collect();
            payload::project("secret", &data, items, default_mode, optional)
        }
        None if optional => Ok(Payload::new()),
        None => Err(VolumeError::Refused(format!("secret {name:?} not found"))),
    }
}
