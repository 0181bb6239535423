//! The modes of the service proxy, and its corners: scenarios C3, C4, C6 and C9.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use skiff_e2e::walkthroughs::{self, serves};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

#[test]
fn c3_the_configmap_chooses_the_mode() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
        cluster.kubectl("create svc nodeport web --tcp=80:80 --node-port=30002")?;
        cluster.start_client_pod()?;
        let pods: BTreeSet<String> = cluster.pods_ready("app=web", 2)?.into_iter().collect();
        let ip = cluster.field("svc web", ".spec.clusterIP")?;
        let config = cluster.field("cm kube-proxy -n kube-system", ".data.config\\.conf")?;
        ensure!(config.contains("mode: \"\""), "{config}");
        serves(cluster.node(), &ip, &pods)?;
        ensure!(cluster.sh("nft list table ip skiff")?.contains(&ip));

        switch(cluster, "iptables")?;
        eventually("the chains of iptables", 30, || {
            let rules = cluster.sh("iptables -t nat -S")?;
            let words = [
                "KUBE-SVC-",
                "--mode random --probability 0.5",
                "default/web:",
            ];
            let missing: Vec<_> = words
                .iter()
                .filter(|word| !rules.contains(**word))
                .collect();
            ensure!(missing.is_empty(), "no {missing:?} in\n{rules}");
            cluster.refused("nft list table ip skiff")
        })?;
        serves(cluster.node(), &ip, &pods)?;
        cluster
            .page("http://127.0.0.1:30002/hostname.html")
            .context("at loopback")?;
        let refused = cluster.refused("wget -q -T 5 -t 1 -O - http://10.96.7.7")?;
        ensure!(!refused.contains("timed out"), "{refused}");

        switch(cluster, "userspace")?;
        eventually("the redirects", 30, || {
            let table = cluster.sh("nft list table ip skiff")?;
            ensure!(
                table.contains("map redirects") && table.contains(&ip),
                "{table}"
            );
            let rules = cluster.sh("iptables -t nat -S")?;
            ensure!(!rules.contains("KUBE-SVC-"), "left over:\n{rules}");
            Ok(())
        })?;
        serves(cluster.node(), &ip, &pods)?;

        switch(cluster, "magic")?;
        eventually("the event about the mode", 30, || {
            let events = cluster.kubectl("get events -n kube-system")?;
            ensure!(events.contains("unknown mode \"magic\""), "{events}");
            Ok(())
        })?;
        serves(cluster.node(), &ip, &pods)?;

        // This kernel has no IPVS.
        switch(cluster, "ipvs")?;
        eventually("iptables instead of IPVS", 30, || {
            let events = cluster.kubectl("get events -n kube-system")?;
            ensure!(events.contains("Can't use the IPVS proxier"), "{events}");
            let rules = cluster.sh("iptables -t nat -S")?;
            ensure!(rules.contains("KUBE-SVC-"), "{rules}");
            Ok(())
        })?;
        serves(cluster.node(), &ip, &pods)?;
        switch(cluster, "nftables")?;
        eventually("nftables again", 30, || {
            cluster.sh("nft list table ip skiff")
        })?;
        serves(cluster.node(), &ip, &pods)
    })
}

#[test]
fn c9_rules_that_somebody_flushes_come_back() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.start_client_pod()?;
        walkthroughs::flushed_rules_come_back(cluster.node())
    })
}

#[test]
fn c9_clients_of_udp_follow_and_a_pod_reaches_itself() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::datagrams_follow_and_a_pod_reaches_itself(cluster.node()))
}

/// As a user does with `kubectl edit`.
fn switch(cluster: &Cluster, mode: &str) -> Result<()> {
    cluster.sh(&format!(
        "kubectl -n kube-system get cm kube-proxy -o yaml | sed 's/mode: .*/mode: {mode}/' | kubectl replace -f -"
    ))?;
    Ok(())
}
