//! `skiff image`: the images of the node.

use std::path::Path;

use anyhow::{Context, ensure};
use skiff_kubelet::{Containerd, Runtime};

use crate::cli::{ImageArgs, ImageCommand};
use crate::containerd;

/// Loads, lists or removes images in the running cluster's containerd.
pub(crate) async fn image(args: ImageArgs) -> anyhow::Result<()> {
    let runtime = connect(&args.at.data_dir)?;
    match args.command {
        ImageCommand::Load { file } => load(&runtime, &file).await,
        ImageCommand::List => list(&runtime).await,
        ImageCommand::Rm { names } => remove(&runtime, &names).await,
    }
}

fn connect(data_dir: &Path) -> anyhow::Result<Containerd> {
    let data_dir = std::path::absolute(data_dir)?;
    let socket = containerd::socket(&data_dir)?;
    ensure!(
        socket.exists(),
        "containerd does not run; start the cluster with `skiff up --data-dir {}`",
        data_dir.display()
    );
    Ok(Containerd::connect(&socket, &data_dir))
}

async fn load(runtime: &Containerd, file: &Path) -> anyhow::Result<()> {
    let archive = std::path::absolute(file).with_context(|| format!("find {}", file.display()))?;
    let names = runtime
        .import_image(archive)
        .await
        .with_context(|| format!("load {}", file.display()))?;
    for name in names {
        say!("loaded {name}");
    }
    Ok(())
}

async fn list(runtime: &Containerd) -> anyhow::Result<()> {
    let mut rows: Vec<(String, String, u64)> = Vec::new();
    for image in runtime.list_images().await.context("list the images")? {
        let id: String = image
            .id
            .trim_start_matches("sha256:")
            .chars()
            .take(13)
            .collect();
        rows.extend(
            image
                .repo_tags
                .iter()
                .map(|tag| (tag.clone(), id.clone(), image.size)),
        );
    }
    rows.sort();
    let width = rows
        .iter()
        .map(|(tag, ..)| tag.len())
        .max()
        .unwrap_or(0)
        .max("IMAGE".len());
    say!("{:<width$}  {:<13}  {:>9}", "IMAGE", "ID", "SIZE");
    for (tag, id, size) in rows {
        say!("{tag:<width$}  {id:<13}  {:>6.1} MB", size as f64 / 1e6);
    }
    Ok(())
}

async fn remove(runtime: &Containerd, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let found = runtime
            .image_status(name)
            .await
            .with_context(|| format!("find {name}"))?;
        ensure!(found.is_some(), "there is no image {name}");
        runtime
            .remove_image(name)
            .await
            .with_context(|| format!("remove {name}"))?;
        say!("removed {name}");
    }
    Ok(())
}
