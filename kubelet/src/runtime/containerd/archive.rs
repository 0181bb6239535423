//! Reads image archives: `docker save` of any age, and OCI layouts, as plain tar files.
//!
//! Only the small parts are read into memory; layers stay in the file until they are sent.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::image_content::{
    Blob, CONFIG_TYPE, Descriptor, ImageContent, LAYER_GZIP_TYPE, LAYER_TYPE, MANIFEST_TYPE,
    NamedImage, Source, hex,
};
use super::image_name::normalize;
use crate::runtime::RuntimeError;

/// Manifests, indexes and configurations are not larger than this.
const DOCUMENT_LIMIT_BYTES: u64 = 8 << 20;
/// An archive has at most this many files.
const ENTRY_LIMIT: usize = 65_536;
/// An index may list indexes, this deep.
const DEPTH_LIMIT: usize = 4;

/// containerd and Docker write the full name of an image here.
const NAME_ANNOTATION: &str = "io.containerd.image.name";
/// The OCI's own annotation is often only a tag.
const REF_NAME_ANNOTATION: &str = "org.opencontainers.image.ref.name";

/// Reads the archive at `path`. Blocks.
pub(super) fn read(path: &Path) -> Result<ImageContent, RuntimeError> {
    let file = File::open(path).map_err(RuntimeError::file(path))?;
    let archive = Archive {
        places: places(&file).map_err(|error| invalid(path, format!("no tar file: {error}")))?,
        path: path.to_owned(),
        file,
    };
    let content = if archive.places.contains_key("index.json") {
        archive.read_layout()?
    } else {
        ImageContent::default()
    };
    if !content.images.is_empty() {
        return Ok(content);
    }
    if archive.places.contains_key("manifest.json") {
        return archive.read_saved();
    }
    Err(invalid(
        path,
        "it has neither manifest.json nor an index.json that names an image".to_owned(),
    ))
}

/// Where a file's bytes are in the archive.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
}

struct Archive {
    path: PathBuf,
    file: File,
    places: HashMap<String, Place>,
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

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Archive {
    /// An OCI image layout.
    fn read_layout(&self) -> Result<ImageContent, RuntimeError> {
        let index: Index = self.document("index.json")?;
        let mut content = ImageContent::default();
        let mut seen = HashSet::new();
        for mut descriptor in index.manifests {
            let annotations = std::mem::take(&mut descriptor.annotations);
            let Some(name) = layout_name(&annotations) else {
                continue;
            };
            if !self.places.contains_key(&blob_path(&descriptor.digest)) {
                return Err(self.lacks(&descriptor.digest));
            }
            let id = self.collect(&descriptor, &mut content.blobs, &mut seen, 0)?;
            content.images.push(NamedImage {
                name,
                target: descriptor,
                id,
            });
        }
        Ok(content)
    }

    /// Adds the manifest or index and all below it; what an index lists but the archive does not have is left out, for
    /// archives of one platform list all of them. Returns the image's id if there is only one.
    fn collect(
        &self,
        descriptor: &Descriptor,
        blobs: &mut Vec<Blob>,
        seen: &mut HashSet<String>,
        depth: usize,
    ) -> Result<Option<String>, RuntimeError> {
        if depth > DEPTH_LIMIT {
            return Err(invalid(&self.path, "its indexes are too deep".to_owned()));
        }
        let path = blob_path(&descriptor.digest);
        let is_index = self.document::<Index>(&path).is_ok();
        let (children, id) = if is_index {
            let mut listed = self.document::<Index>(&path)?.manifests;
            listed.retain(|child| self.places.contains_key(&blob_path(&child.digest)));
            for child in &listed {
                self.collect(child, blobs, seen, depth + 1)?;
            }
            (listed, None)
        } else {
            let manifest: Manifest = self.document(&path)?;
            let id = manifest.config.digest.clone();
            let mut children = manifest.layers;
            children.push(manifest.config);
            for child in &children {
                self.add(child, Vec::new(), blobs, seen)?;
            }
            (children, Some(id))
        };
        let children = children.into_iter().map(|child| child.digest).collect();
        self.add(descriptor, children, blobs, seen)?;
        Ok(id)
    }

    fn add(
        &self,
        descriptor: &Descriptor,
        children: Vec<String>,
        blobs: &mut Vec<Blob>,
        seen: &mut HashSet<String>,
    ) -> Result<(), RuntimeError> {
        let place = self.places.get(&blob_path(&descriptor.digest));
        let place = *place.ok_or_else(|| self.lacks(&descriptor.digest))?;
        if seen.insert(descriptor.digest.clone()) {
            blobs.push(Blob {
                descriptor: Descriptor {
                    size: place.size,
                    ..descriptor.clone()
                },
                source: self.source(place),
                children,
            });
        }
        Ok(())
    }

    /// What `docker save` wrote before Docker 25: the manifest is ours to make.
    fn read_saved(&self) -> Result<ImageContent, RuntimeError> {
        let saved: Vec<SavedImage> = self.document("manifest.json")?;
        let mut content = ImageContent::default();
        for image in saved {
            let config = Blob::from_bytes(CONFIG_TYPE, self.bytes(&image.config)?);
            let mut layers = Vec::with_capacity(image.layers.len());
            for layer in &image.layers {
                layers.push(self.layer(layer)?);
            }
            let descriptors: Vec<&Descriptor> =
                layers.iter().map(|blob| &blob.descriptor).collect();
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
            return Err(invalid(&self.path, "no image in it has a name".to_owned()));
        }
        Ok(content)
    }

    /// A layer, whose digest only reading it tells.
    fn layer(&self, name: &str) -> Result<Blob, RuntimeError> {
        let place = self.place(name)?;
        let mut reader = self.open(place)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        let mut magic: Option<[u8; 2]> = None;
        loop {
            let count = reader
                .read(&mut buffer)
                .map_err(RuntimeError::file(&self.path))?;
            if count == 0 {
                break;
            }
            magic = magic.or_else(|| buffer[..count].first_chunk().copied());
            digest.update(&buffer[..count]);
        }
        let media_type = match magic {
            Some([0x1f, 0x8b]) => LAYER_GZIP_TYPE,
            _ => LAYER_TYPE,
        };
        Ok(Blob {
            descriptor: Descriptor {
                media_type: media_type.to_owned(),
                digest: format!("sha256:{}", hex(&digest.finalize())),
                size: place.size,
                annotations: HashMap::new(),
            },
            source: self.source(place),
            children: Vec::new(),
        })
    }

    fn document<T: DeserializeOwned>(&self, name: &str) -> Result<T, RuntimeError> {
        let bytes = self.bytes(name)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| invalid(&self.path, format!("{name}: {error}")))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, RuntimeError> {
        let place = self.place(name)?;
        if place.size > DOCUMENT_LIMIT_BYTES {
            return Err(invalid(&self.path, format!("{name} is too large")));
        }
        let mut bytes = Vec::new();
        self.open(place)?
            .read_to_end(&mut bytes)
            .map_err(RuntimeError::file(&self.path))?;
        Ok(bytes)
    }

    fn open(&self, place: Place) -> Result<impl Read + '_, RuntimeError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.offset))
            .map_err(RuntimeError::file(&self.path))?;
        Ok(file.take(place.size))
    }

    fn place(&self, name: &str) -> Result<Place, RuntimeError> {
        self.places
            .get(name)
            .copied()
            .ok_or_else(|| self.lacks(name))
    }

    fn source(&self, place: Place) -> Source {
        Source::File {
            path: self.path.clone(),
            offset: place.offset,
        }
    }

    fn lacks(&self, what: &str) -> RuntimeError {
        invalid(&self.path, format!("it lacks {what}"))
    }
}

fn invalid(path: &Path, reason: String) -> RuntimeError {
    RuntimeError::Archive {
        path: path.to_owned(),
        reason,
    }
}

/// `blobs/sha256/…`: where a layout has the content of this digest.
fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn layout_name(annotations: &HashMap<String, String>) -> Option<String> {
    let full = annotations.get(NAME_ANNOTATION);
    let reference = annotations
        .get(REF_NAME_ANNOTATION)
        .filter(|name| name.contains([':', '/']));
    full.or(reference).map(|name| normalize(name))
}

/// Where each file of the archive is. Old archives of Docker link a layer that they have twice.
fn places(file: &File) -> io::Result<HashMap<String, Place>> {
    let mut places = HashMap::new();
    let mut links = Vec::new();
    for entry in tar::Archive::new(file).entries_with_seek()? {
        let entry = entry?;
        let name = plain(&entry.path()?);
        if places.len() + links.len() >= ENTRY_LIMIT {
            return Err(io::Error::other("it has too many files"));
        }
        if let Some(target) = entry.link_name()? {
            let from = Path::new(&name).parent().unwrap_or(Path::new(""));
            links.push((name.clone(), plain(&from.join(target))));
        } else if entry.header().entry_type().is_file() {
            let place = Place {
                offset: entry.raw_file_position(),
                size: entry.size(),
            };
            places.insert(name, place);
        }
    }
    for (name, target) in links {
        if let Some(place) = places.get(&target).copied() {
            places.insert(name, place);
        }
    }
    Ok(places)
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> String {
    use std::path::Component;
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
