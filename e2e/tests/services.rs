//! Services: scenarios C1, C4 and C5.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster, walkthroughs};

#[test]
fn c1_clusterip_in_turn() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::clusterip_in_turn(cluster.node()))
}

#[test]
fn c4_nodeport() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::nodeport(cluster.node(), cluster.net().router()))
}

#[test]
fn c4_loadbalancer_at_the_node() -> Result<()> {
    on_a_cluster(|cluster| {
        walkthroughs::loadbalancer_at_the_node(cluster.node(), cluster.net().router())
    })
}

#[test]
fn c5_headless_and_statefulset_names() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Service
metadata: {name: nginx}
spec:
  clusterIP: None
  selector: {app: nginx}
  ports: [{port: 80, name: web}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: nginx
  replicas: 2
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec:
      containers: [{name: nginx, image: 'nginx:1.19'}]
---
apiVersion: v1
kind: Service
metadata: {name: away}
spec: {type: ExternalName, externalName: elsewhere.example}
",
        )?;
        cluster.start_client_pod()?;
        cluster.pods_ready("app=nginx", 2)?;
        let ip = |pod: &str| cluster.field(&format!("pod {pod}"), ".status.podIP");
        let (first, second) = (ip("web-0")?, ip("web-1")?);
        let both = BTreeSet::from([first.clone(), second.clone()]);

        eventually("one address a ready Pod", 30, || {
            let found = dig(cluster, "nginx.default.svc.cluster.local A")?;
            let found: BTreeSet<String> = found.lines().map(str::to_owned).collect();
            ensure!(found == both, "{found:?}, not {both:?}");
            Ok(())
        })?;
        let answer =
            cluster.sh("dig @10.96.0.10 +noall +answer nginx.default.svc.cluster.local")?;
        let ttl_30 = |line: &str| line.split_whitespace().nth(1) == Some("30");
        ensure!(answer.lines().all(ttl_30), "{answer}");

        let of_first = dig(cluster, "web-0.nginx.default.svc.cluster.local A")?;
        ensure!(of_first.trim() == first, "web-0 is {of_first}, not {first}");
        let over_tcp = dig(cluster, "+tcp web-1.nginx.default.svc.cluster.local A")?;
        ensure!(
            over_tcp.trim() == second,
            "web-1 is {over_tcp}, not {second}"
        );
        let srv = dig(cluster, "_web._tcp.nginx.default.svc.cluster.local SRV")?;
        ensure!(
            srv.contains("80 web-0.nginx.default.svc.cluster.local."),
            "{srv}"
        );
        let name = dig(cluster, &format!("-x {first}"))?;
        ensure!(
            name.trim() == "web-0.nginx.default.svc.cluster.local.",
            "{first} is {name}"
        );
        let away = dig(cluster, "away.default.svc.cluster.local CNAME")?;
        ensure!(away.trim() == "elsewhere.example.", "{away}");

        let config = cluster.kubectl("exec client -- cat /etc/resolv.conf")?;
        let expected = [
            "nameserver 10.96.0.10",
            "search default.svc.cluster.local svc.cluster.local cluster.local",
            "ndots:5",
        ];
        for part in expected {
            ensure!(config.contains(part), "no {part:?} in\n{config}");
        }
        let page = cluster
            .kubectl("exec client -- timeout 5 wget -qO- http://web-1.nginx/hostname.html")?;
        ensure!(page == "web-1\n", "{page:?}");
        let found = cluster
            .kubectl("exec client -- nslookup -type=a kubernetes.default.svc.cluster.local")?;
        ensure!(found.contains("10.96.0.1"), "{found}");
        Ok(())
    })
}

#[test]
fn c5_a_pod_reaches_the_api_with_its_own_token() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.start_client_pod()?;
        let folder = "/var/run/secrets/kubernetes.io/serviceaccount";
        for file in ["ca.crt", "namespace", "token"] {
            let content = cluster.kubectl(&format!("exec client -- cat {folder}/{file}"))?;
            std::fs::write(cluster.home().join(file), content)?;
        }
        // The node has a wget that checks certificates; the name is what a Pod would use.
        let get = "kubectl --kubeconfig=/dev/null --server=https://10.96.0.1:443 \
             --tls-server-name=kubernetes.default.svc --certificate-authority=ca.crt \
             --token=$(cat token) get --raw /version";
        let version = cluster.sh(get)?;
        ensure!(version.contains("\"gitVersion\""), "{version}");
        let info = cluster.kubectl("cluster-info")?;
        ensure!(
            info.contains("control plane") && info.contains("DNS"),
            "{info}"
        );
        Ok(())
    })
}

/// Asks the cluster's DNS at its Service address, from the node.
fn dig(cluster: &Cluster, question: &str) -> Result<String> {
    cluster.sh(&format!(
        "dig @10.96.0.10 +short +tries=1 +time=3 {question}"
    ))
}
