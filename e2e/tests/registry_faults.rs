//! Registries that are gone, slow or serve broken images, and Pods that run once these are mended: scenario A4.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, Gate, Mood, on_a_cluster_with};

/// Images of `shop.example` come through the gate.
const SHOP: &str = "--registry-mirror=shop.example=http://{gateway}:5001";

/// Asks for a Pod of an image from the shop that is always pulled.
fn order(cluster: &Cluster, pod: &str) -> Result<()> {
    let image = "shop.example/library/busybox:1.28";
    cluster.kubectl(&format!(
        "run {pod} --image={image} --image-pull-policy=Always -- sleep 600"
    ))?;
    Ok(())
}

/// An image does not come; it does when the registry is mended.
fn comes_when_mended(mood: Mood, words: &[&str]) -> Result<()> {
    on_a_cluster_with(&[SHOP], |cluster| {
        let gate = Gate::open(cluster.net())?;
        gate.becomes(mood);
        order(cluster, "waits")?;
        let reason = ".status.containerStatuses[0].state.waiting.reason";
        cluster.field_becomes("pod waits", reason, "ImagePullBackOff", 60)?;
        let row = cluster.kubectl("get pod waits --no-headers")?;
        ensure!(
            row.contains("0/1") && row.contains("ImagePullBackOff"),
            "{row}"
        );
        let told = [
            "Failed to pull image \"shop.example/library/busybox:1.28\": ",
            "Error: ErrImagePull",
            "Error: ImagePullBackOff",
        ];
        cluster.described("pod waits", &[&told, words].concat())?;
        gate.becomes(Mood::Open);
        cluster.pods_ready("run=waits", 1)?;
        cluster.kubectl("delete pod waits --grace-period=1")?;
        Ok(())
    })
}

#[test]
fn a4_a_registry_that_is_gone() -> Result<()> {
    comes_when_mended(Mood::Shut, &["connection refused"])
}

#[test]
fn a4_an_image_with_a_broken_layer() -> Result<()> {
    comes_when_mended(Mood::BrokenLayers, &["unexpected commit digest"])
}

#[test]
fn a4_an_image_for_another_architecture() -> Result<()> {
    comes_when_mended(
        Mood::OtherArchitecture,
        &["no match for platform in manifest"],
    )
}

#[test]
fn a4_a_registry_that_is_slow() -> Result<()> {
    on_a_cluster_with(&[SHOP], |cluster| {
        let gate = Gate::open(cluster.net())?;
        gate.becomes(Mood::Stalled);
        for pod in ["one", "two", "three", "four", "five", "given-up"] {
            order(cluster, pod)?;
        }
        cluster.described(
            "pod one",
            &["Pulling image \"shop.example/library/busybox:1.28\""],
        )?;
        let reason = cluster.field(
            "pod one",
            ".status.containerStatuses[0].state.waiting.reason",
        )?;
        ensure!(reason == "ContainerCreating", "{reason}");
        // Others need not wait for that registry, and who gave up need not either.
        cluster.kubectl("run other --image=nginx:1.20")?;
        cluster.pods_ready("run=other", 1)?;
        cluster.kubectl("delete pod given-up --timeout=20s")?;

        gate.becomes(Mood::Slow);
        for pod in ["one", "two", "three", "four", "five"] {
            cluster.pods_ready(&format!("run={pod}"), 1)?;
        }
        cluster.kubectl("delete pods --all --grace-period=1")?;
        Ok(())
    })
}
