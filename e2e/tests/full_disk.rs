//! The disk of the cluster's data fills up, and is emptied again: nothing is lost, and nothing needs a restart.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_machine_with};

/// Enough for a cluster and an image.
const DISK_MIB: u32 = 400;
const PRESSURE: &str = r#".status.conditions[?(@.type=="DiskPressure")].status"#;

#[test]
fn e4_a_full_disk_is_told_and_survived() -> Result<()> {
    // So that Pods are taken again as soon as there is room.
    on_a_machine_with(&["--eviction-pressure-transition-period=1s"], |cluster| {
        cluster.keep_data_on_a_disk_of(DISK_MIB)?;
        cluster.up()?;
        let node = format!("node {}", cluster.name());
        cluster.kubectl("run web --image=nginx:1.19")?;
        cluster.pods_ready("run=web", 1)?;
        let large = cluster.home().join("large");
        std::fs::write(&large, "x".repeat(900_000))?;

        let filler = cluster.data_dir().join("filler");
        let filler = filler.display();
        cluster.output(&format!("cat /dev/zero > {filler}"), "")?;
        cluster.field_becomes(&node, PRESSURE, "True", 60)?;
        let taint = "node.kubernetes.io/disk-pressure";
        cluster.field_becomes(&node, ".spec.taints[*].key", taint, 30)?;
        let told = cluster.event_reasons(&format!("Node/{}", cluster.name()))?;
        ensure!(
            told.iter().any(|one| one == "NodeHasDiskPressure"),
            "{told:?}"
        );
        cluster.kubectl("run late --image=nginx:1.19")?;
        let why = r#".status.conditions[?(@.type=="PodScheduled")].message"#;
        eventually("the new Pod to be kept away", 30, || {
            let message = cluster.field("pod late", why)?;
            ensure!(message.contains("had untolerated taint(s)"), "{message}");
            Ok(())
        })?;

        let acknowledged = write_until_refused(cluster, &large.display().to_string())?;
        // What is there can be read, and what runs is reached: no Pod fills the disk, so none is evicted.
        ensure!(
            cluster.kubectl("get pods")?.contains("web"),
            "no Pods are listed"
        );
        let address = cluster.field("pod web", ".status.podIP")?;
        cluster.page(&format!("http://{address}/"))?;

        cluster.sh(&format!("rm {filler}"))?;
        eventually("writes to be taken again", 30, || {
            cluster.kubectl("create configmap again --from-literal=a=b")
        })?;
        cluster.field_becomes(&node, PRESSURE, "False", 60)?;
        cluster.pods_ready("run=late", 1)?;
        let there = cluster.names("configmaps")?;
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|name| !there.contains(name))
            .collect();
        ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        // It was never away, and a new start finds the same.
        cluster.restart()?;
        ensure!(
            cluster.names("configmaps")? == there,
            "they are not the same"
        );
        Ok(())
    })
}

/// Creates large ConfigMaps until there is no room left; returns the names of those that were acknowledged.
fn write_until_refused(cluster: &Cluster, large: &str) -> Result<Vec<String>> {
    let mut acknowledged = Vec::new();
    for number in 0..100 {
        let name = format!("large-{number}");
        let created = cluster.output(
            &format!("kubectl create configmap {name} --from-file={large}"),
            "",
        )?;
        if !created.success {
            let words = "the disk of the cluster's data is full";
            ensure!(created.stderr.contains(words), "{}", created.stderr);
            return Ok(acknowledged);
        }
        acknowledged.push(name);
    }
    anyhow::bail!("90 MB were written to a full disk")
}
