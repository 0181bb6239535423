//! `projected`: several sources in one folder, among them the ServiceAccount's token.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ProjectedVolumeSource, VolumeProjection};

use super::payload::{self, DEFAULT_MODE, File, Payload};
use super::{VolumeError, downward_api, keys};
use crate::host::Host;

pub(super) async fn payload(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    source: &ProjectedVolumeSource,
    refresh_at: &mut Option<Timestamp>,
) -> Result<Payload, VolumeError> {
    let mode = payload::mode(source.default_mode).unwrap_or(DEFAULT_MODE);
    let mut all = Payload::new();
    for projection in source.sources.iter().flatten() {
        all.extend(files(host, pod, ips, projection, mode, refresh_at).await?);
    }
    Ok(all)
}

async fn files(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    projection: &VolumeProjection,
    mode: u32,
    refresh_at: &mut Option<Timestamp>,
) -> Result<Payload, VolumeError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let objects = &host.objects;
    if let Some(source) = &projection.config_map {
        return keys::files(objects, namespace, source.into(), mode).await;
    }
    if let Some(source) = &projection.secret {
        return keys::files(objects, namespace, source.into(), mode).await;
    }
    if let Some(source) = &projection.downward_api {
        return downward_api::files(
            host,
            pod,
            ips,
            source.items.as_deref().unwrap_or_default(),
            mode,
        );
    }
    if let Some(source) = &projection.service_account_token {
        let token = host.tokens.get(&objects.client, pod, source).await;
        let token = token.map_err(VolumeError::Refused)?;
        *refresh_at = Some(refresh_at.map_or(token.refresh_at, |at| at.min(token.refresh_at)));
        let data = token.token.into_bytes();
        return Ok([(payload::checked(&source.path)?, File { data, mode })].into());
    }
    Err(VolumeError::Refused(
        "no volume plugin matched the projection".to_owned(),
    ))
}
