//! Container images with the names a user types, made from Debian packages: no registry is asked.

mod archive;
mod recipe;
mod recipes;
mod rootfs;
mod software;

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::once;

pub use recipe::Recipe;
pub use recipes::{BUSYBOX, NGINX};

/// A made image: one layer, its configuration and its manifest, and all of it as a tar file.
#[derive(Debug, Clone)]
pub struct Image {
    /// As a user types it: `nginx:1.19`.
    pub name: String,
    /// Its repository and tag in the registry: `library/nginx` and `1.19`.
    pub(crate) place: (String, &'static str),
    /// What `docker save` would write: for `skiff image load` and `ctr images import`.
    pub tar: PathBuf,
    /// The unpacked OCI layout: `index.json` and `blobs/sha256/*`.
    pub layout: PathBuf,
}

/// All images that tests use, built by the first who asks.
pub fn all_images() -> Result<Vec<Image>> {
    recipes::ALL.iter().map(|recipe| recipe.image()).collect()
}

impl Recipe {
    /// The image of this recipe, from the cache if it was built before.
    pub fn image(&self) -> Result<Image> {
        let file_name = self.repository.replace('/', "-");
        let layer_name = format!("layer-{file_name}");
        let layer = once(&layer_name, format!("{:?}", self.root).as_bytes(), |path| {
            rootfs::write_layer(&self.root, path)
        })?;
        let image_name = format!("image-{file_name}-{}", self.tag);
        let made = once(&image_name, format!("{self:?}").as_bytes(), |dir| {
            archive::write(self, &layer, dir)
        })?;
        Ok(Image {
            name: self.name(),
            place: (self.path(), self.tag),
            tar: made.join("image.tar"),
            layout: made.join("layout"),
        })
    }
}
