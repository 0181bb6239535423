//! Two clusters on one machine do not meet.

use anyhow::{Result, ensure};
use skiff_e2e::on_clusters;

#[test]
fn two_clusters_on_one_machine() -> Result<()> {
    on_clusters(2, |clusters| {
        let (one, other) = clusters.split_at_mut(1);
        let (one, other) = (&mut one[0], &mut other[0]);
        for (cluster, image) in [(&one, "nginx:1.19"), (&other, "nginx:1.20")] {
            cluster.kubectl(&format!("create deployment web --image={image}"))?;
        }
        let pods = other.pods_ready("app=web", 1)?;
        one.pods_ready("app=web", 1)?;
        let started_at = ".status.containerStatuses[0].state.running.startedAt";
        let pod = format!("pod {}", pods[0]);
        let before = other.field(&pod, started_at)?;

        one.kubectl("delete deployment web")?;
        one.skiff_does("down")?;
        one.stopped()?;

        ensure!(
            other.names("deployments")? == ["web"],
            "the other lost its Deployment"
        );
        ensure!(
            other.field(&pod, started_at)? == before,
            "the other's container restarted"
        );
        let page = other.kubectl(&format!(
            "exec {} -- wget -qO- http://localhost/hostname.html",
            pods[0]
        ))?;
        ensure!(page.trim() == pods[0], "{page}");

        one.up()?;
        ensure!(
            one.names("deployments")?.is_empty(),
            "the one has another's Deployment"
        );
        Ok(())
    })
}
