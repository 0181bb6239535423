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

/// A kind that is defined while the cluster runs.
const BOATS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Boat, plural: boats, singular: boat, listKind: BoatList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
";

#[test]
fn b2_owners_of_kinds_that_came_later() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(BOATS)?;
        cluster.kubectl("wait --for=condition=Established crd/boats.example.com --timeout=30s")?;
        let owned = |kind: &str, api: &str, name: &str, owner: &str| {
            let uid = cluster.field(owner, ".metadata.uid")?;
            let (owner_kind, owner_name) = owner.split_once(' ').unwrap_or_default();
            let (owner_kind, owner_api) = match owner_kind {
                "boat" => ("Boat", "example.com/v1"),
                _ => ("ConfigMap", "v1"),
            };
            cluster.apply(&format!(
                "{{apiVersion: {api}, kind: {kind}, metadata: {{name: {name}, ownerReferences: \
                 [{{apiVersion: {owner_api}, kind: {owner_kind}, name: {owner_name}, uid: {uid}}}]}}}}"
            ))
        };
        let goes = |what: &str| {
            cluster.kubectl(&format!("wait --for=delete {what} --timeout=60s"))?;
            Ok::<(), anyhow::Error>(())
        };
        cluster.apply("{apiVersion: example.com/v1, kind: Boat, metadata: {name: owner}}")?;
        owned("ConfigMap", "v1", "of-a-boat", "boat owner")?;
        owned("Boat", "example.com/v1", "of-a-map", "configmap of-a-boat")?;
        cluster.kubectl("delete boat owner")?;
        goes("configmap/of-a-boat")?;
        goes("boat/of-a-map")?;

        // With its definition a kind goes, and nobody else.
        cluster.apply("{apiVersion: example.com/v1, kind: Boat, metadata: {name: last}}")?;
        cluster.kubectl("create configmap stays")?;
        cluster.kubectl("delete crd boats.example.com --timeout=60s")?;
        cluster.kubectl("get configmap stays")?;
        Ok(())
    })
}
