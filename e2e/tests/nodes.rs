//! Several machines are one cluster (scenarios E3, C7, B7).

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, Node, eventually, on_a_cluster};

/// Joins another machine, and waits until it is ready.
fn join(cluster: &Cluster) -> Result<Node> {
    let token = cluster.skiff_does("token create")?;
    cluster.net().node().joining(cluster, &token).start()
}

/// Waits until the node's `Ready` condition has this status.
fn node_becomes(cluster: &Cluster, node: &Node, status: &str) -> Result<()> {
    let ready = ".status.conditions[?(@.type==\"Ready\")].status";
    cluster.field_becomes(&format!("node {}", node.name()), ready, status, 60)
}

#[test]
fn e3_a_machine_joins_by_one_command_and_a_token() -> Result<()> {
    on_a_cluster(|cluster| {
        let mut agent = join(cluster)?;
        node_becomes(cluster, &agent, "True")?;
        let shown = cluster.kubectl(&format!("get node {} -o wide --no-headers", agent.name()))?;
        ensure!(shown.contains(&agent.address().to_string()), "{shown}");

        let pin = format!(
            r#"--overrides='{{"spec":{{"nodeName":"{}"}}}}'"#,
            agent.name()
        );
        cluster.kubectl(&format!("run web --image=nginx:1.19 {pin}"))?;
        cluster.pods_ready("run=web", 1)?;
        let name = cluster.kubectl("exec web -- hostname")?;
        ensure!(name.trim() == "web", "{name}");
        let log = cluster.kubectl("logs web")?;
        ensure!(!log.is_empty(), "the Pod on the other machine has no log");

        // The token is for the first time alone.
        let listed = cluster.skiff_does("token list")?;
        let id = listed.lines().nth(1).unwrap_or_default();
        let id = id.split_whitespace().next().unwrap_or_default();
        cluster.skiff_does(&format!("token delete {id}"))?;
        let started_at = ".status.containerStatuses[0].state.running.startedAt";
        let before = cluster.field("pod web", started_at)?;
        agent.restart()?;
        node_becomes(cluster, &agent, "True")?;
        ensure!(
            cluster.field("pod web", started_at)? == before,
            "the container restarted with its machine's skiff"
        );
        Ok(())
    })
}

#[test]
fn e3_who_cannot_join_is_told_why() -> Result<()> {
    on_a_cluster(|cluster| {
        let token = cluster.skiff_does("token create --ttl 10m --description none")?;
        let token = token.trim();
        let server = format!("--server=https://{}:6443", cluster.address());
        let stranger = cluster.net().node().joining(cluster, "").prepare()?;
        let (hash, _) = token.split_once("::").unwrap_or_default();
        let wrong = [
            (
                server.clone(),
                format!("{hash}::aaaaaa.0123456789abcdef"),
                "the server does not take the token",
            ),
            (
                server.clone(),
                token.replace(hash, &format!("K10{}", "0".repeat(64))),
                "the server is of another cluster than the token",
            ),
            (server, "abcdef".to_owned(), "--token is no join token"),
            (
                format!("--server=https://{}:7443", cluster.address()),
                token.to_owned(),
                "Connection refused",
            ),
        ];
        for (server, token, expected) in wrong {
            let complaint = stranger.refuses(&[&server, &format!("--token={token}")])?;
            ensure!(complaint.contains(expected), "{complaint}");
        }
        Ok(())
    })
}
