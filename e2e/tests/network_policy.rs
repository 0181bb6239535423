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
