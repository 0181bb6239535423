//! An image as an OCI layout, packed into a tar file that Docker's and containerd's importers both take.
//!
//! Formats: <https://github.com/opencontainers/image-spec>, and `manifest.json` of `docker save`.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::Recipe;
use crate::cache::digest;

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Writes `dir/layout` and `dir/image.tar` for `recipe` with the one layer `layer`, a plain tar file.
pub(super) fn write(recipe: &Recipe, layer: &Path, dir: &Path) -> Result<()> {
    let layout = dir.join("layout");
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;

    let plain = fs::read(layer).with_context(|| format!("read {}", layer.display()))?;
    let diff_id = digest(&plain);
    let layer = blob(&blobs, LAYER_TYPE, &compress(&plain)?)?;
    let config = blob(&blobs, CONFIG_TYPE, &to_bytes(&config(recipe, &diff_id))?)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config,
        "layers": [layer],
    });
    let mut manifest = blob(&blobs, MANIFEST_TYPE, &to_bytes(&manifest)?)?;
    manifest["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/{}:{}", recipe.path(), recipe.tag),
        "org.opencontainers.image.ref.name": recipe.tag,
    });

    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    let saved = json!([{
        "Config": blob_path(&config),
        "RepoTags": [recipe.name()],
        "Layers": [blob_path(&layer)],
    }]);
    fs::write(
        layout.join("oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    fs::write(layout.join("index.json"), to_bytes(&index)?)?;
    fs::write(layout.join("manifest.json"), to_bytes(&saved)?)?;

    let mut tar = tar::Builder::new(File::create(dir.join("image.tar"))?);
    tar.append_dir_all(".", &layout)?;
    tar.into_inner()?.sync_all()?;
    Ok(())
}

fn config(recipe: &Recipe, diff_id: &str) -> Value {
    let ports: serde_json::Map<String, Value> = recipe
        .port
        .map(|port| (format!("{port}/tcp"), json!({})))
        .into_iter()
        .collect();
    json!({
        "architecture": architecture(),
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Entrypoint": recipe.entrypoint,
            "Cmd": recipe.command,
            "ExposedPorts": ports,
            "Labels": {"version": recipe.tag},
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{diff_id}")]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "Debian packages"}],
    })
}

/// Go's name of the machine's architecture, as images have it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Stores `content` under its digest and returns its descriptor.
fn blob(blobs: &Path, media_type: &str, content: &[u8]) -> Result<Value> {
    let digest = digest(content);
    fs::write(blobs.join(&digest), content)?;
    Ok(json!({
        "mediaType": media_type,
        "digest": format!("sha256:{digest}"),
        "size": content.len(),
    }))
}

fn blob_path(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    format!("blobs/{}", digest.replace(':', "/"))
}

fn compress(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

fn to_bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}
