//! Puts images into containerd without a registry: from an archive, and the pause image from memory.

use std::path::{Path, PathBuf};

use containerd_client::services::v1::images_client::ImagesClient;
use containerd_client::services::v1::{CreateImageRequest, Image, UpdateImageRequest};
use containerd_client::types::Descriptor as ContainerdDescriptor;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::content::Lease;
use super::cri::Cri;
use super::image_content::{ImageContent, NamedImage};
use super::{archive, pause};
use crate::runtime::RuntimeError;

/// Imports an archive; returns the images' names when CRI knows them.
pub(super) async fn import_archive(
    channel: &Channel,
    cri: &Cri,
    path: PathBuf,
) -> Result<Vec<String>, RuntimeError> {
    let content = read(path).await?;
    store(channel, cri, &content).await?;
    Ok(content.images.into_iter().map(|image| image.name).collect())
}

/// Imports the pause image if it is not there.
pub(super) async fn ensure_pause(channel: &Channel, cri: &Cri) -> Result<(), RuntimeError> {
    if cri.image_status(pause::PAUSE_IMAGE).await?.is_some() {
        return Ok(());
    }
    store(channel, cri, &pause::image()).await
}

async fn read(path: PathBuf) -> Result<ImageContent, RuntimeError> {
    let shown: &Path = &path.clone();
    match tokio::task::spawn_blocking(move || archive::read(&path)).await {
        Ok(content) => content,
        Err(panic) => Err(RuntimeError::Archive {
            path: shown.to_owned(),
            reason: panic.to_string(),
        }),
    }
}

async fn store(channel: &Channel, cri: &Cri, content: &ImageContent) -> Result<(), RuntimeError> {
    let lease = Lease::take(channel).await?;
    for blob in &content.blobs {
        lease.write(blob).await?;
    }
    for image in &content.images {
        name(channel, &lease, image)
            .await
            .map_err(RuntimeError::rpc("CreateImage"))?;
    }
    lease.release().await?;
    for image in &content.images {
        cri.await_image(&image.name, image.id.as_deref()).await?;
    }
    Ok(())
}

/// Gives the image its name, taking it from another image if need be.
async fn name(channel: &Channel, lease: &Lease, image: &NamedImage) -> Result<(), Status> {
    let target = ContainerdDescriptor {
        media_type: image.target.media_type.clone(),
        digest: image.target.digest.clone(),
        size: i64::try_from(image.target.size).unwrap_or(i64::MAX),
        ..ContainerdDescriptor::default()
    };
    let record = Image {
        name: image.name.clone(),
        target: Some(target),
        ..Image::default()
    };
    let mut client = ImagesClient::new(channel.clone());
    let create = CreateImageRequest {
        image: Some(record.clone()),
        ..CreateImageRequest::default()
    };
    match client.create(lease.request(create)).await {
        Err(status) if status.code() == Code::AlreadyExists => {
            let update = UpdateImageRequest {
                image: Some(record),
                ..UpdateImageRequest::default()
            };
            client.update(lease.request(update)).await.map(drop)
        }
        answer => answer.map(drop),
    }
}
