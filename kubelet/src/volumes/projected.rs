//! `projected`: several sources in one folder, among them the ServiceAccount's token.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ProjectedVolumeSource, VolumeProjection};

use super::payload::{self, DEFAULT_MODE, File, Payload};
use super::{VolumeError, config_map, downward_api, secret};
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
    let is = |optional: Option<bool>| optional == Some(true);
    if let Some(source) = &projection.config_map {
        let items = source.items.as_ref();
        return config_map::files(
            objects,
            namespace,
            &source.name,
            items,
            mode,
            is(source.optional),
        )
        .await;
    }
    if let Some(source) = &projection.secret {
        let items = source.items.as_ref();
        return secret::files(
            objects,
            namespace,
            &source.name,
            items,
            mode,
            is(source.optional),
        )
        .await;
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
        let token = host.tokens.get(&objects.client, pod, source).await?;
        *refresh_at = Some(refresh_at.map_or(token.refresh_at, |at| at.min(token.refresh_at)));
        let data = token.token.into_bytes();
        return Ok([(payload::checked(&source.path)?, File { data, mode })].into());
    }
    Err(VolumeError::Refused(
        "no volume plugin matched the projection".to_owned(),
    ))
}
