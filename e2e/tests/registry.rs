//! The test house itself: what it serves is what a real client of a registry takes.

use anyhow::{Result, ensure};
use skiff_e2e::{TestNet, all_images};

#[test]
fn the_registry_serves_every_image_to_the_network() -> Result<()> {
    let net = TestNet::new()?;
    let busybox = &all_images()?[0];
    let url = format!("{}/v2/library/busybox/tags/list", net.registry_url());
    let answer = net.router().command("wget").args(["-qO-", &url]).output()?;
    let tags = String::from_utf8(answer.stdout)?;
    ensure!(busybox.name == "busybox:1.28", "{}", busybox.name);
    ensure!(tags.contains(r#""1.28""#), "{tags}");
    Ok(())
}
