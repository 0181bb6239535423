//! The modes of the service proxy, and its corners: scenarios C3, C4, C6 and C9.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
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
        serves(cluster, &ip, &pods)?;
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
        serves(cluster, &ip, &pods)?;
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
        serves(cluster, &ip, &pods)?;

        switch(cluster, "magic")?;
        eventually("the event about the mode", 30, || {
            let events = cluster.kubectl("get events -n kube-system")?;
            ensure!(events.contains("unknown mode \"magic\""), "{events}");
            Ok(())
        })?;
        serves(cluster, &ip, &pods)?;

        // This kernel has no IPVS.
        switch(cluster, "ipvs")?;
        eventually("iptables instead of IPVS", 30, || {
            let events = cluster.kubectl("get events -n kube-system")?;
            ensure!(events.contains("Can't use the IPVS proxier"), "{events}");
            let rules = cluster.sh("iptables -t nat -S")?;
            ensure!(rules.contains("KUBE-SVC-"), "{rules}");
            Ok(())
        })?;
        serves(cluster, &ip, &pods)?;
        switch(cluster, "nftables")?;
        eventually("nftables again", 30, || {
            cluster.sh("nft list table ip skiff")
        })?;
        serves(cluster, &ip, &pods)
    })
}

#[test]
fn c9_rules_that_somebody_flushes_come_back() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19")?;
        cluster.kubectl("expose deployment web --port=80")?;
        let pods: BTreeSet<String> = cluster.pods_ready("app=web", 1)?.into_iter().collect();
        let ip = cluster.field("svc web", ".spec.clusterIP")?;
        cluster.start_client_pod()?;
        serves(cluster, &ip, &pods)?;
        cluster.sh("nft flush ruleset")?;
        serves(cluster, &ip, &pods)?;
        // A firewall such as Docker's.
        cluster.sh("iptables -P FORWARD DROP")?;
        serves(cluster, &ip, &pods)
    })
}

#[test]
fn c9_clients_of_udp_follow_and_a_pod_reaches_itself() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&answering("one"))?;
        cluster
            .kubectl("expose pod one --name=udp --port=5353 --protocol=UDP --selector=app=udp")?;
        cluster.kubectl("wait --for=condition=Ready pod/one --timeout=60s")?;
        let ip = cluster.field("svc udp", ".spec.clusterIP")?;
        let ask = || {
            // Always from the same port: one connection to the kernel.
            let socket = format!("LocalPort => 7777, PeerAddr => \"{ip}:5353\", Proto => \"udp\"");
            cluster.sh(&format!(
                "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new({socket}) or die; $s->send(\"hi\"); alarm 2; $s->recv($m, 9); print $m'"
            ))
        };
        let answers = |name: &str| {
            eventually(&format!("{name} to answer"), 60, || {
                let answer = ask()?;
                ensure!(answer.contains(name), "{answer:?}");
                Ok(())
            })
        };
        answers("one")?;
        cluster.apply(&answering("two"))?;
        cluster.kubectl("wait --for=condition=Ready pod/two --timeout=60s")?;
        cluster.kubectl("delete pod one --grace-period=1")?;
        answers("two")?;

        cluster.kubectl("run web --image=nginx:1.19 --port=80 --expose")?;
        cluster.kubectl("wait --for=condition=Ready pod/web --timeout=60s")?;
        let itself = "exec web -- busybox timeout 5 busybox wget -qO- http://web/hostname.html";
        eventually("a Pod to reach itself through its Service", 60, || {
            let page = cluster.kubectl(itself)?;
            ensure!(page.trim() == "web", "{page}");
            Ok(())
        })
    })
}

/// A Pod that answers each datagram with its name.
fn answering(name: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: udp}}}}
spec:
  containers:
  - name: answer
    image: perl:5.34.0
    command:
    - perl
    - -MIO::Socket::INET
    - -e
    - '$s = IO::Socket::INET->new(LocalPort => 5353, Proto => q(udp)) or die; $s->send(q({name})) while $s->recv($m, 9);'
"
    )
}

/// As a user does with `kubectl edit`.
fn switch(cluster: &Cluster, mode: &str) -> Result<()> {
    cluster.sh(&format!(
        "kubectl -n kube-system get cm kube-proxy -o yaml | sed 's/mode: .*/mode: {mode}/' | kubectl replace -f -"
    ))?;
    Ok(())
}

/// Each Pod answers: at the Service's address for the node and for a Pod.
fn serves(cluster: &Cluster, ip: &str, pods: &BTreeSet<String>) -> Result<()> {
    let url = format!("http://{ip}/hostname.html");
    for from_pod in [false, true] {
        let mut seen = BTreeSet::new();
        eventually("every Pod to answer", 60, || {
            let page = match from_pod {
                true => cluster.kubectl(&format!("exec client -- timeout 5 wget -qO- {url}"))?,
                false => cluster.page(&url)?,
            };
            seen.insert(page.trim().to_owned());
            ensure!(seen == *pods, "{seen:?}, not {pods:?}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn c4_loadbalancer_at_the_node() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19")?;
        cluster.pods_ready("app=web", 1)?;
        cluster
            .kubectl("expose deployment web --port=8088 --target-port=80 --type=LoadBalancer")?;
        let node = cluster.address().to_string();
        let address = ".status.loadBalancer.ingress[*].ip";
        cluster.field_becomes("svc web", address, &node, 30)?;
        let shown = cluster.kubectl("get svc web --no-headers")?;
        ensure!(shown.contains(&node), "{shown}");
        let page = format!("http://{node}:8088/hostname.html");
        eventually("the load balancer to answer", 30, || cluster.page(&page))?;
        let from_outside = || {
            let wget = ["-q", "-T", "3", "-t", "1", "-O", "-", &page];
            cluster.net().router().command("wget").args(wget).output()
        };
        ensure!(
            from_outside()?.status.success(),
            "another machine is not answered"
        );

        // A clash stays pending and says so; it is served when the port is free.
        cluster.kubectl(
            "expose deployment web --name=second --port=8088 --target-port=80 --type=LoadBalancer",
        )?;
        eventually("the event about the clash", 30, || {
            let events = cluster.kubectl("get events")?;
            let words = "port 8088/TCP is taken by Service default/web";
            ensure!(events.contains(words), "{events}");
            let shown = cluster.kubectl("get svc second --no-headers")?;
            ensure!(shown.contains("<pending>"), "{shown}");
            Ok(())
        })?;

        // Only these may ask, and the node's own endpoints see them.
        cluster.sh("kubectl patch svc web -p '{\"spec\":{\"loadBalancerSourceRanges\":[\"203.0.113.0/24\"]}}'")?;
        eventually("the ranges to hold", 30, || {
            ensure!(!from_outside()?.status.success(), "it is still answered");
            Ok(())
        })?;
        cluster.sh("kubectl patch svc web -p '{\"spec\":{\"loadBalancerSourceRanges\":null,\"externalTrafficPolicy\":\"Local\"}}'")?;
        let port = cluster.field("svc web", ".spec.healthCheckNodePort")?;
        eventually("the health check", 30, || {
            let told = cluster.page(&format!("http://{node}:{port}/healthz"))?;
            ensure!(told.contains("\"localEndpoints\":1"), "{told}");
            ensure!(from_outside()?.status.success(), "it is not answered");
            Ok(())
        })?;
        cluster.kubectl("delete svc web")?;
        cluster.field_becomes("svc second", address, &node, 30)
    })
}
