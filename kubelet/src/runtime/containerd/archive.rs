//! Reads image archives: `docker save` of any age, and OCI layouts, as plain tar files.
//!
//! Only the small parts are read into memory; layers stay in the file until they are sent.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use super::image_content::{
    Blob, CONFIG_TYPE, Descriptor, ImageContent, LAYER_GZIP_TYPE, LAYER_TYPE, MANIFEST_TYPE,
    NamedImage, Source,
};
use super::image_name::normalize;
use super::tar_file::{Place, TarFile};
use crate::runtime::RuntimeError;

/// An index may list indexes, this deep.
const DEPTH_LIMIT: usize = 4;

/// containerd and Docker write the full name of an image here.
const NAME_ANNOTATION: &str = "io.containerd.image.name";
/// The OCI's own annotation is often only a tag.
const REF_NAME_ANNOTATION: &str = "org.opencontainers.image.ref.name";

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the archive at `path`. Blocks.
pub(super) fn read(path: &Path) -> Result<ImageContent, RuntimeError> {
    let tar = TarFile::open(path)?;
    if tar.has("index.json") {
        let content = Layout::new(&tar).read()?;
        if !content.images.is_empty() {
            return Ok(content);
        }
    }
    if tar.has("manifest.json") {
        return read_saved(&tar);
    }
    let reason = "it has neither manifest.json nor an index.json that names an image";
    Err(tar.invalid(reason.to_owned()))
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// An OCI image layout, and what was found in it so far.
struct Layout<'a> {
    tar: &'a TarFile,
    content: ImageContent,
    seen: HashSet<String>,
}

impl<'a> Layout<'a> {
    fn new(tar: &'a TarFile) -> Layout<'a> {
        Layout {
            tar,
            content: ImageContent::default(),
            seen: HashSet::new(),
        }
    }

    fn read(mut self) -> Result<ImageContent, RuntimeError> {
        let index: Index = self.tar.document("index.json")?;
        for mut target in index.manifests {
            let annotations = std::mem::take(&mut target.annotations);
            let Some(name) = layout_name(&annotations) else {
                continue;
            };
            let id = self.collect(&target, 0)?;
            self.content.images.push(NamedImage { name, target, id });
        }
        Ok(self.content)
    }

    /// Adds the manifest or index and all below it; what an index lists but the archive does not have is left out, for
    /// archives of one platform list all of them. Returns the image's id if there is only one.
    fn collect(
        &mut self,
        descriptor: &Descriptor,
        depth: usize,
    ) -> Result<Option<String>, RuntimeError> {
        if depth > DEPTH_LIMIT {
            return Err(self.tar.invalid("its indexes are too deep".to_owned()));
        }
        let path = blob_path(&descriptor.digest);
        if let Ok(manifest) = self.tar.document::<Manifest>(&path) {
            let id = manifest.config.digest.clone();
            let mut parts = manifest.layers;
            parts.push(manifest.config);
            for part in &parts {
                self.add(part, Vec::new())?;
            }
            self.add(descriptor, digests(parts))?;
            return Ok(Some(id));
        }
        let mut listed = self.tar.document::<Index>(&path)?.manifests;
        listed.retain(|manifest| self.tar.has(&blob_path(&manifest.digest)));
        for manifest in &listed {
            self.collect(manifest, depth + 1)?;
        }
        self.add(descriptor, digests(listed))?;
        Ok(None)
    }

    fn add(&mut self, descriptor: &Descriptor, children: Vec<String>) -> Result<(), RuntimeError> {
        let place = self.tar.place(&blob_path(&descriptor.digest))?;
        if self.seen.insert(descriptor.digest.clone()) {
            self.content.blobs.push(Blob {
                descriptor: Descriptor {
                    size: place.size,
                    ..descriptor.clone()
                },
                source: source(self.tar, place),
                children,
            });
        }
        Ok(())
    }
}

/// `blobs/sha256/…`: where a layout has the content of this digest.
fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn digests(descriptors: Vec<Descriptor>) -> Vec<String> {
    let digests = descriptors.into_iter().map(|descriptor| descriptor.digest);
    digests.collect()
}

fn layout_name(annotations: &HashMap<String, String>) -> Option<String> {
    let full = annotations.get(NAME_ANNOTATION);
    let reference = annotations
        .get(REF_NAME_ANNOTATION)
        .filter(|name| name.contains([':', '/']));
    full.or(reference).map(|name| normalize(name))
}

/// One image in the `manifest.json` of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// What `docker save` wrote before Docker 25: the manifest is ours to make.
fn read_saved(tar: &TarFile) -> Result<ImageContent, RuntimeError> {
    let saved: Vec<SavedImage> = tar.document("manifest.json")?;
    let mut content = ImageContent::default();
    for image in saved {
        let config = Blob::from_bytes(CONFIG_TYPE, tar.bytes(&image.config)?);
        let layers = image.layers.iter().map(|name| saved_layer(tar, name));
        let layers: Vec<Blob> = layers.collect::<Result<_, _>>()?;
        let descriptors: Vec<&Descriptor> = layers.iter().map(|blob| &blob.descriptor).collect();
        let manifest = Blob::manifest(MANIFEST_TYPE, &config.descriptor, &descriptors);
        for tag in image.repo_tags.unwrap_or_default() {
            content.images.push(NamedImage {
                name: normalize(&tag),
                target: manifest.descriptor.clone(),
                id: Some(config.descriptor.digest.clone()),
            });
        }
        content.blobs.extend(layers);
        content.blobs.extend([config, manifest]);
    }
    if content.images.is_empty() {
        return Err(tar.invalid("no image in it has a name".to_owned()));
    }
    Ok(content)
}

/// A layer, whose digest only reading it tells.
fn saved_layer(tar: &TarFile, name: &str) -> Result<Blob, RuntimeError> {
    let place = tar.place(name)?;
    let (digest, first) = tar.digest(place)?;
    let media_type = match first == Some(GZIP_MAGIC) {
        true => LAYER_GZIP_TYPE,
        false => LAYER_TYPE,
    };
    Ok(Blob {
        descriptor: Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: place.size,
            annotations: HashMap::new(),
        },
        source: source(tar, place),
        children: Vec::new(),
    })
}

fn source(tar: &TarFile, place: Place) -> Source {
    Source::File {
        path: tar.path().to_owned(),
        offset: place.offset,
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
