//! The test house itself: what it serves is what a real client of a registry takes.

use anyhow::{Context, Result, ensure};
use skiff_e2e::{TestNet, all_images};

#[test]
fn the_registry_serves_every_image_to_the_network() -> Result<()> {
    let net = TestNet::new()?;
    for image in all_images()? {
        let (name, tag) = image.name.split_once(':').context("a tag")?;
        // As containerd asks: what has no folder is in that of the library.
        let path = match name.contains('/') {
            true => name.to_owned(),
            false => format!("library/{name}"),
        };
        let url = format!("{}/v2/{path}/tags/list", net.registry_url());
        let answer = net.router().command("wget").args(["-qO-", &url]).output()?;
        let tags = String::from_utf8(answer.stdout)?;
        ensure!(tags.contains(&format!("{tag:?}")), "{}: {tags}", image.name);
    }
    Ok(())
}
