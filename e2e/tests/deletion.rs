//! What goes, and how soon.

use std::time::Instant;

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

#[test]
fn a4_a_pod_deleted_by_force_is_gone_at_once() -> Result<()> {
    on_a_cluster(|cluster| {
        // Process 1 hears no SIGTERM, and has ten minutes to.
        cluster.kubectl(
            r#"run deaf --image=busybox:1.28 --overrides='{"spec": {"terminationGracePeriodSeconds": 600}}' -- sleep 3600"#,
        )?;
        cluster.pods_ready("run=deaf", 1)?;
        let uid = cluster.field("pod deaf", ".metadata.uid")?;
        let began = Instant::now();
        cluster.kubectl("delete pod deaf --force --grace-period=0")?;
        let processes = format!("grep -l pod{uid} /proc/[0-9]*/cgroup || true");
        eventually("its processes to end", 60, || {
            let left = cluster.sh(&processes)?;
            ensure!(left.is_empty(), "{left}");
            Ok(())
        })?;
        let took = began.elapsed();
        ensure!(took.as_secs() < 40, "it took {took:?}");
        Ok(())
    })
}

#[test]
fn e3_a_token_goes_when_it_expires() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.skiff_does("token create --ttl=6s")?;
        cluster.skiff_does("token create --ttl=1h")?;
        let tokens = || {
            cluster
                .names("-n kube-system secrets --field-selector type=bootstrap.kubernetes.io/token")
        };
        ensure!(tokens()?.len() == 2, "{:?}", tokens()?);
        eventually("one of two tokens to go", 60, || {
            let left = tokens()?;
            ensure!(left.len() == 1, "{left:?}");
            Ok(())
        })
    })
}
