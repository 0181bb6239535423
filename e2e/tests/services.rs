//! Services: scenarios C1, C4 and C5.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

#[test]
fn c1_clusterip_in_turn() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster
            .kubectl("create deployment myapp-deploy --image=nginx:1.19 --replicas=3 --port=80")?;
        cluster.kubectl("create svc clusterip myapp-deploy --tcp=80:80")?;
        cluster.start_client_pod()?;
        let pods = cluster.pods_ready("app=myapp-deploy", 3)?;
        let ip = cluster.field("svc myapp-deploy", ".spec.clusterIP")?;
        let url = format!("http://{ip}/hostname.html");
        eventually("the Service to know its Pods", 30, || {
            let addresses =
                cluster.field("endpoints myapp-deploy", ".subsets[*].addresses[*].ip")?;
            ensure!(addresses.split(' ').count() == 3, "{addresses}");
            cluster.page(&url)
        })?;

        let from_node = || Ok(cluster.page(&url)?.trim().to_owned());
        goes_round(&pods, from_node)?;
        let from_pod = || {
            let page = cluster.kubectl(&format!("exec client -- timeout 5 wget -qO- {url}"))?;
            Ok(page.trim().to_owned())
        };
        goes_round(&pods, from_pod)?;

        let slices = cluster.kubectl(
            "get endpointslices -l kubernetes.io/service-name=myapp-deploy --no-headers",
        )?;
        ensure!(
            slices.contains("IPv4") && slices.contains(" 80 "),
            "{slices}"
        );
        let described = cluster.kubectl("describe svc myapp-deploy")?;
        let lines = [
            "IP:",
            "IPs:",
            "Port:",
            "TargetPort:",
            "Endpoints:",
            "Session Affinity:",
            "IP Family Policy:",
        ];
        for line in lines {
            ensure!(described.contains(line), "no {line} in\n{described}");
        }
        Ok(())
    })
}

#[test]
fn c4_nodeport() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
        cluster.kubectl("create svc nodeport web --tcp=80:80 --node-port=30002")?;
        let pods = cluster.pods_ready("app=web", 2)?;
        let url = format!("http://{}:30002/hostname.html", cluster.address());
        eventually("the node port to answer", 30, || cluster.page(&url))?;
        goes_round(&pods, || Ok(cluster.page(&url)?.trim().to_owned()))?;

        let router = cluster.net().router();
        let from_outside = router
            .command("wget")
            .args(["-q", "-T", "5", "-t", "1", "-O", "-", &url])
            .output()?;
        let page = String::from_utf8(from_outside.stdout)?;
        ensure!(
            pods.contains(&page.trim().to_owned()),
            "another machine sees {page:?}"
        );

        cluster.kubectl("create svc nodeport any --tcp=80:80")?;
        let given: u16 = cluster
            .field("svc any", ".spec.ports[0].nodePort")?
            .parse()?;
        ensure!((30000..=32767).contains(&given), "{given}");
        let taken =
            cluster.refused("kubectl create svc nodeport second --tcp=80:80 --node-port=30002")?;
        ensure!(
            taken.contains("provided port is already allocated"),
            "{taken}"
        );
        let outside =
            cluster.refused("kubectl create svc nodeport second --tcp=80:80 --node-port=80")?;
        ensure!(
            outside.contains("provided port is not in the valid range"),
            "{outside}"
        );
        let left = cluster.names("svc")?;
        ensure!(left == ["any", "kubernetes", "web"], "{left:?}");

        let fixed = "kubectl create svc clusterip fixed --tcp=80:80 --clusterip=10.96.7.7";
        cluster.sh(fixed)?;
        let clash = cluster.refused(&fixed.replace("clusterip fixed", "clusterip clash"))?;
        ensure!(
            clash.contains("provided IP is already allocated"),
            "{clash}"
        );
        Ok(())
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

/// In turn: among as many requests in a row as there are Pods, each Pod answers one.
fn goes_round(pods: &[String], ask: impl Fn() -> Result<String>) -> Result<()> {
    let expected: BTreeSet<&String> = pods.iter().collect();
    let answers = (0..pods.len() * 3)
        .map(|_| ask())
        .collect::<Result<Vec<_>>>()?;
    for in_a_row in answers.windows(pods.len()) {
        let seen: BTreeSet<&String> = in_a_row.iter().collect();
        ensure!(seen == expected, "not in turn: {answers:?}");
    }
    Ok(())
}
