//! Several machines are one cluster (scenarios E3, C7, B7).

use anyhow::{Result, ensure};
use skiff_e2e::{
    Cluster, Node, WEB_THAT_MOVES, eventually, on_a_cluster, on_a_cluster_with, walkthroughs,
};

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
    on_a_cluster_with(&["--node-monitor-grace-period=8s"], |cluster| {
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

        agent.skiff_does("uninstall")?;
        agent.stopped()?;
        ensure!(!agent.data_dir().exists(), "the data directory is there");
        let links = agent.sh("ip -br link")?;
        let left = ["cni0", "flannel.1"]
            .iter()
            .any(|name| links.contains(name));
        ensure!(!left, "{links}");
        node_becomes(cluster, &agent, "Unknown")
    })
}

#[test]
fn e3_who_cannot_join_is_told_why() -> Result<()> {
    on_a_cluster(|cluster| {
        let token = cluster.skiff_does("token create --ttl 10m --description none")?;
        let token = token.trim();
        let (hash, _) = token.split_once("::").unwrap_or_default();
        let unknown = format!("{hash}::aaaaaa.0123456789abcdef");
        let another = token.replace(hash, &format!("K10{}", "0".repeat(64)));
        let no_token = "abcdef".to_owned();
        for (token, expected) in [
            (unknown, "the server does not take the token"),
            (another, "the server is of another cluster than the token"),
            (no_token, "--token is no join token"),
        ] {
            let stranger = cluster.net().node().joining(cluster, &token).prepare()?;
            let complaint = stranger.refuses()?;
            ensure!(complaint.contains(expected), "{complaint}");
        }
        let server = format!("https://{}:7443", cluster.address());
        let home = cluster.home().display();
        let nowhere = format!("skiff agent --data-dir {home}/x --server {server} --token {token}");
        let complaint = cluster.refused(&nowhere)?;
        ensure!(complaint.contains("Connection refused"), "{complaint}");
        Ok(())
    })
}

/// Runs the Pod `name` of the application `web` on that node.
fn run_on(cluster: &Cluster, name: &str, node: &str) -> Result<()> {
    let pin = format!(r#"--overrides='{{"spec":{{"nodeName":"{node}"}}}}'"#);
    cluster.kubectl(&format!("run {name} --image=nginx:1.19 -l app=web {pin}"))?;
    Ok(())
}

#[test]
fn c6_internal_traffic_stays_on_its_node() -> Result<()> {
    on_a_cluster(|cluster| {
        let other = join(cluster)?;
        run_on(cluster, "there", other.name())?;
        cluster.kubectl("create service clusterip web --tcp=80")?;
        let local = r#"patch svc web -p '{"spec": {"internalTrafficPolicy": "Local"}}'"#;
        let service = cluster.field("svc web", ".spec.clusterIP")?;
        let url = format!("http://{service}/hostname.html");
        let page = |node: &Node| node.page(&url);
        let answers = |node: &Node, name: &str| {
            eventually(&format!("{name} to answer on {}", node.name()), 60, || {
                let page = page(node)?;
                ensure!(page.trim() == name, "{page}");
                Ok(())
            })
        };
        answers(cluster, "there")?;
        answers(&other, "there")?;
        cluster.kubectl(local)?;
        eventually("no answer where there is no Pod", 60, || {
            ensure!(page(cluster).is_err(), "it still answers");
            Ok(())
        })?;
        answers(&other, "there")?;

        // Each node has its own, and no other.
        run_on(cluster, "here", cluster.name())?;
        answers(cluster, "here")?;
        for _ in 0..4 {
            let pages = (page(cluster)?, page(&other)?);
            ensure!(pages.0 == "here\n" && pages.1 == "there\n", "{pages:?}");
        }
        Ok(())
    })
}

fn c7(backend: &str) -> Result<()> {
    on_a_cluster_with(&[&format!("--network-backend={backend}")], |cluster| {
        let (second, third) = (join(cluster)?, join(cluster)?);
        walkthroughs::pods_reach_each_other(cluster.node(), [&second, &third])
    })
}

#[test]
fn c7_pods_reach_each_other_over_vxlan() -> Result<()> {
    c7("vxlan")
}

#[test]
fn c7_pods_reach_each_other_over_plain_routes() -> Result<()> {
    c7("host-gw")
}

#[test]
fn b7_a_machine_that_dies_is_replaced() -> Result<()> {
    on_a_cluster_with(&["--node-monitor-grace-period=8s"], |cluster| {
        let survivor = join(cluster)?;
        let victim = join(cluster)?;
        cluster.apply(WEB_THAT_MOVES)?;
        cluster.kubectl("create service clusterip web --tcp=80:80")?;
        cluster.pods_ready("app=web", 3)?;
        let on = |node: &str| {
            let selector = format!("--field-selector spec.nodeName={node},status.phase=Running");
            cluster.kubectl(&format!("get pods -l app=web {selector} -o name"))
        };
        ensure!(
            !on(victim.name())?.is_empty(),
            "no Pod on {}",
            victim.name()
        );

        victim.sh("ip link set eth0 down")?;
        node_becomes(cluster, &victim, "Unknown")?;
        let service = format!("http://{}/", cluster.field("svc web", ".spec.clusterIP")?);
        eventually("all requests to be answered", 60, || {
            (0..6).try_for_each(|_| survivor.page(&service).map(drop))
        })?;
        let taints = cluster.field(&format!("node {}", victim.name()), ".spec.taints[*].key")?;
        ensure!(
            taints.contains("node.kubernetes.io/unreachable"),
            "{taints}"
        );
        eventually("three Pods on the machines that are left", 60, || {
            let left = on(cluster.name())?.lines().count() + on(survivor.name())?.lines().count();
            ensure!(left == 3, "{left} Pods run there");
            Ok(())
        })?;

        let gateway = cluster.net().gateway();
        victim.sh(&format!(
            "ip link set eth0 up && ip route add default via {gateway}"
        ))?;
        node_becomes(cluster, &victim, "True")
    })
}

#[test]
fn a_node_that_is_deleted_registers_again() -> Result<()> {
    on_a_cluster(|cluster| {
        let agent = join(cluster)?;
        run_on(cluster, "web", agent.name())?;
        cluster.pods_ready("app=web", 1)?;
        let node = format!("node {}", agent.name());
        let before = cluster.field(&node, ".spec.podCIDR")?;
        let uid = cluster.field(&node, ".metadata.uid")?;
        let ip = cluster.field("pod web", ".status.podIP")?;

        cluster.kubectl(&format!("delete {node}"))?;
        eventually("the Node to be there again", 30, || {
            ensure!(
                cluster.field(&node, ".metadata.uid")? != uid,
                "it is the old one"
            );
            Ok(())
        })?;
        node_becomes(cluster, &agent, "True")?;
        let after = cluster.field(&node, ".spec.podCIDR")?;
        ensure!(
            after == before,
            "its Pods had {before}, and are to have {after}"
        );
        let said = cluster.page(&format!("http://{ip}/hostname.html"))?;
        ensure!(said.trim() == "web", "{said}");
        Ok(())
    })
}
