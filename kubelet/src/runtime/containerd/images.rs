use std::path::PathBuf;
use std::time::Duration;

use k8s_cri::v1::image_service_client::ImageServiceClient;
use tonic::transport::Channel;

use super::channel::{MESSAGE_LIMIT_BYTES, within};
use super::cri::{Cri, READ_LIMIT, WORK_LIMIT, done, gone_is_fine};
use crate::runtime::RuntimeError;
use crate::runtime::cri::{
    AuthConfig, Image, ImageFsInfoRequest, ImageSpec, ImageStatusRequest, ListImagesRequest,
    PullImageRequest, RemoveImageRequest,
};

/// A pull that takes longer than this has hung; containerd itself gives up on a registry that sends nothing.
const PULL_LIMIT: Duration = Duration::from_secs(3600);

/// CRI's calls for images.
impl Cri {
    fn images(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES)
    }

    pub(super) async fn image_status(
        &self,
        reference: &str,
    ) -> Result<Option<Image>, RuntimeError> {
        let request = ImageStatusRequest {
            image: Some(image_spec(reference)),
            verbose: false,
        };
        let answer = self
            .images()
            .image_status(within(READ_LIMIT, request))
            .await;
        Ok(done("ImageStatus", answer)?.image)
    }

    pub(super) async fn pull_image(
        &self,
        reference: &str,
        auth: Option<AuthConfig>,
    ) -> Result<String, RuntimeError> {
        let request = PullImageRequest {
            image: Some(image_spec(reference)),
            auth,
            sandbox_config: None,
        };
        let answer = self.images().pull_image(within(PULL_LIMIT, request)).await;
        Ok(done("PullImage", answer)?.image_ref)
    }

    pub(super) async fn list_images(&self) -> Result<Vec<Image>, RuntimeError> {
        let request = within(READ_LIMIT, ListImagesRequest { filter: None });
        Ok(done("ListImages", self.images().list_images(request).await)?.images)
    }

    pub(super) async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        let request = RemoveImageRequest {
            image: Some(image_spec(reference)),
        };
        let answer = self
            .images()
            .remove_image(within(WORK_LIMIT, request))
            .await;
        gone_is_fine(done("RemoveImage", answer))
    }

    /// Where images are: the first place, if there are several.
    pub(super) async fn image_dir(&self) -> Result<Option<PathBuf>, RuntimeError> {
        let request = within(READ_LIMIT, ImageFsInfoRequest {});
        let answer = self.images().image_fs_info(request).await;
        let all = done("ImageFsInfo", answer)?.image_filesystems;
        let first = all.into_iter().find_map(|one| one.fs_id);
        Ok(first.map(|id| PathBuf::from(id.mountpoint)))
    }

    /// Waits until CRI knows an image that the native API has made or renamed: it hears of it by an event of its own.
    pub(super) async fn await_image(
        &self,
        name: &str,
        id: Option<&str>,
    ) -> Result<(), RuntimeError> {
        self.notice("ImageStatus", || async {
            let image = self.image_status(name).await?;
            Ok(image.is_some_and(|image| id.is_none_or(|id| image.id == id)))
        })
        .await
    }
}

fn image_spec(reference: &str) -> ImageSpec {
    ImageSpec {
        image: reference.to_owned(),
        ..ImageSpec::default()
    }
}
