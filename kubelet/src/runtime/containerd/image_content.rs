//! What is to be put into containerd's content store for some images to be there.
//!
//! Formats: <https://github.com/opencontainers/image-spec>.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
pub(super) const LAYER_GZIP_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A reference to content by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub(super) annotations: HashMap<String, String>,
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Memory(Vec<u8>),
    /// In a file, from this byte on.
    File {
        path: PathBuf,
        offset: u64,
    },
}

/// One piece of content.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) descriptor: Descriptor,
    pub(super) source: Source,
    /// What it refers to: containerd's garbage collector keeps it for this one's sake.
    pub(super) children: Vec<String>,
}

/// A name, and the manifest or index that it stands for.
#[derive(Debug, Clone)]
pub(super) struct NamedImage {
    /// The full name: `docker.io/library/busybox:1.28`.
    pub(super) name: String,
    pub(super) target: Descriptor,
    /// The digest of the image's configuration, by which CRI knows it; `None` for one of several platforms.
    pub(super) id: Option<String>,
}

/// Images and all that they are made of, what is referred to before what refers to it.
#[derive(Debug, Clone, Default)]
pub(super) struct ImageContent {
    pub(super) blobs: Vec<Blob>,
    pub(super) images: Vec<NamedImage>,
}

impl Blob {
    pub(super) fn from_bytes(media_type: &str, bytes: Vec<u8>) -> Blob {
        Blob {
            descriptor: Descriptor {
                media_type: media_type.to_owned(),
                digest: format!("sha256:{}", hex(&Sha256::digest(&bytes))),
                size: bytes.len() as u64,
                annotations: HashMap::new(),
            },
            source: Source::Memory(bytes),
            children: Vec::new(),
        }
    }

    /// The manifest of an image of this configuration and these layers.
    pub(super) fn manifest(media_type: &str, config: &Descriptor, layers: &[&Descriptor]) -> Blob {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config,
            "layers": layers,
        });
        let children = layers.iter().copied().chain([config]);
        Blob {
            children: children.map(|child| child.digest.clone()).collect(),
            ..Blob::from_bytes(media_type, manifest.to_string().into_bytes())
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
