//! NetworkPolicies: scenario C8.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

#[test]
fn c8_network_policies_hold() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19 --port=80")?;
        cluster.kubectl("expose deployment web --port=80")?;
        cluster.start_client_pod()?;
        cluster.pods_ready("app=web", 1)?;
        let pod = cluster.field("pods -l app=web", ".items[0].status.podIP")?;
        let service = cluster.field("svc web", ".spec.clusterIP")?;
        reaches(cluster, &service)?;

        // Nobody reaches any Pod, but the node does: its probes must.
        cluster.apply(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
",
        )?;
        let shown = cluster.kubectl("get netpol --no-headers")?;
        ensure!(shown.contains("default-deny   <none>"), "{shown}");
        is_kept_away(cluster, &service)?;
        is_kept_away(cluster, &pod)?;
        cluster.page(&format!("http://{pod}/hostname.html"))?;

        // Allowed by label, at a port by name.
        cluster.apply(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {role: friend}}}]
    ports: [{port: 80}]
",
        )?;
        is_kept_away(cluster, &service)?;
        cluster.kubectl("label pod client role=friend")?;
        reaches(cluster, &service)?;

        // Only names may be asked: the answer comes, the page does not.
        cluster.apply(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns-only}
spec:
  podSelector: {matchLabels: {role: friend}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 53, protocol: UDP}, {port: 53}]
",
        )?;
        is_kept_away(cluster, &service)?;
        let found =
            cluster.kubectl("exec client -- nslookup -type=a web.default.svc.cluster.local")?;
        ensure!(found.contains(&service), "{found}");

        cluster.kubectl("delete netpol --all")?;
        reaches(cluster, &service)
    })
}

/// Two servers in one Pod, that say their Pod's name.
const SERVERS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: front
    image: busybox:1.28
    command: [httpd, -f, -p, '8080', -h, /etc]
    ports: [{name: front, containerPort: 8080}]
  - name: back
    image: busybox:1.28
    command: [httpd, -f, -p, '9090', -h, /etc]
    ports: [{name: back, containerPort: 9090}]
";

/// Allows these peers these ports of the servers, and nobody else.
fn allow(peer: &str, port: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  ingress: [{{from: [{peer}], ports: [{port}]}}]
"
    )
}

#[test]
fn c8_peers_and_ports_of_every_kind() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(SERVERS)?;
        cluster.start_client_pod()?;
        cluster.kubectl("create namespace other")?;
        let sleep = "sh -c 'trap \"exit 0\" TERM; sleep 3600 & wait'";
        cluster.kubectl(&format!(
            "run client -n other --image=busybox:1.28 -- {sleep}"
        ))?;
        cluster.kubectl("wait -n other --for=condition=Ready pod/client --timeout=90s")?;
        cluster.kubectl("wait --for=condition=Ready pod/web --timeout=90s")?;
        let ip = |pod: &str| cluster.field(&format!("pod {pod}"), ".status.podIP");
        let (web, client) = (ip("web")?, ip("client")?);
        let asked = |client: &str, port: u16| {
            let page = format!("http://{web}:{port}/hostname");
            cluster.kubectl(&format!("exec {client} -- timeout 1 wget -qO- {page}"))
        };
        let (own, other) = ("client", "-n other client");
        // Who gets through, once one of them does.
        let lets = |in_this: (&str, u16), not: &[(&str, u16)]| {
            let (client, port) = in_this;
            eventually(&format!("{client} to reach {port}"), 60, || {
                asked(client, port)
            })?;
            for (client, port) in not {
                eventually(&format!("{client} to be kept away from {port}"), 60, || {
                    ensure!(asked(client, *port).is_err(), "it still answers");
                    // In the same round: a server that is only slow keeps nobody away.
                    asked(in_this.0, in_this.1)?;
                    Ok(())
                })?;
            }
            Ok::<_, anyhow::Error>(())
        };
        lets((own, 8080), &[])?;
        lets((other, 9090), &[])?;

        // Whoever is in a namespace of this label, at the port of this name.
        let blue = "namespaceSelector: {matchLabels: {team: blue}}";
        cluster.apply(&allow(&format!("{{{blue}}}"), "{port: front}"))?;
        eventually("nobody to come through", 60, || {
            ensure!(asked(other, 8080).is_err(), "it still answers");
            Ok(())
        })?;
        cluster.kubectl("label namespace other team=blue")?;
        lets((other, 8080), &[(own, 8080), (other, 9090)])?;

        // Of these, who has a label as well.
        let friends = format!("{{{blue}, podSelector: {{matchLabels: {{role: friend}}}}}}");
        cluster.apply(&allow(&friends, "{port: back}"))?;
        eventually("nobody to come through", 60, || {
            ensure!(asked(other, 8080).is_err(), "it still answers");
            Ok(())
        })?;
        cluster.kubectl("label pod -n other client role=friend")?;
        lets((other, 9090), &[(other, 8080), (own, 9090)])?;

        // Addresses but for some, and a range of ports.
        let block = format!("{{ipBlock: {{cidr: 10.244.0.0/16, except: [{client}/32]}}}}");
        cluster.apply(&allow(&block, "{port: 8000, endPort: 8999}"))?;
        lets((other, 8080), &[(own, 8080), (other, 9090)])?;

        // The way out, to a port that the Pod there has given the name.
        cluster.kubectl("delete netpol web")?;
        cluster.apply(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out}
spec:
  podSelector: {matchLabels: {run: client}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: back}]}]
",
        )?;
        lets((own, 9090), &[(own, 8080)])?;
        lets((other, 8080), &[])
    })
}

fn reaches(cluster: &Cluster, address: &str) -> Result<()> {
    eventually(&format!("the client Pod to reach {address}"), 60, || {
        asked(cluster, address)
    })?;
    Ok(())
}

fn is_kept_away(cluster: &Cluster, address: &str) -> Result<()> {
    eventually(
        &format!("the client Pod to be kept away from {address}"),
        60,
        || {
            ensure!(asked(cluster, address).is_err(), "it still answers");
            Ok(())
        },
    )
}

fn asked(cluster: &Cluster, address: &str) -> Result<String> {
    cluster.kubectl(&format!(
        "exec client -- timeout 2 wget -qO- http://{address}/hostname.html"
    ))
}
