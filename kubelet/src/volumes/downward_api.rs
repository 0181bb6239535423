//! `downwardAPI`: what the Pod says of itself, as files.

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, DownwardAPIVolumeSource, Pod};

use super::VolumeError;
use super::payload::{self, DEFAULT_MODE, File, Payload};
use crate::host::Host;
use crate::pods::{fields, object};

pub(super) fn payload(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    source: &DownwardAPIVolumeSource,
) -> Result<Payload, VolumeError> {
    let mode = payload::mode(source.default_mode).unwrap_or(DEFAULT_MODE);
    files(
        host,
        pod,
        ips,
        source.items.as_deref().unwrap_or_default(),
        mode,
    )
}

pub(super) fn files(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    items: &[DownwardAPIVolumeFile],
    default_mode: u32,
) -> Result<Payload, VolumeError> {
    let mut files = Payload::new();
    for item in items {
        let file = File {
            data: content(host, pod, ips, item)
                .map_err(VolumeError::Refused)?
                .into_bytes(),
            mode: payload::mode(item.mode).unwrap_or(default_mode),
        };
        files.insert(payload::checked(&item.path)?, file);
    }
    Ok(files)
}

fn content(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    item: &DownwardAPIVolumeFile,
) -> Result<String, String> {
    if let Some(selector) = &item.field_ref {
        let node_ip = host.config.node_ip.to_string();
        return fields::field(pod, ips, &node_ip, &selector.field_path);
    }
    let Some(selector) = &item.resource_field_ref else {
        return Ok(String::new());
    };
    let name = selector.container_name.as_deref().unwrap_or_default();
    let container =
        object::container(pod, name).ok_or_else(|| format!("container {name:?} not found"))?;
    fields::resource(container, &host.allocatable, selector)
}
