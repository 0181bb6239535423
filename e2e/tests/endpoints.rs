//! Endpoints that a user makes by hand (scenario C6).

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

/// A Service without selector, and where it leads.
fn by_hand(address: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: by-hand}}
spec: {{ports: [{{port: 8000}}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {{name: by-hand, labels: {{team: a}}}}
subsets:
- addresses: [{{ip: {address}}}]
  ports: [{{port: 80}}]
"
    )
}

fn slices_become(cluster: &Cluster, expected: &str) -> Result<()> {
    let fields = "{range .items[*]}{.metadata.labels.team} {.endpoints[*].addresses[*]}{end}";
    let mirrors = "endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io,kubernetes.io/service-name=by-hand";
    eventually(&format!("the slices {expected:?}"), 30, || {
        let seen = cluster.kubectl(&format!(
            "get endpointslices -l {mirrors} -o 'jsonpath={fields}'"
        ))?;
        ensure!(seen == expected, "{seen:?}");
        Ok(())
    })
}

#[test]
fn c6_endpoints_made_by_hand() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("run one --image=nginx:1.19")?;
        cluster.kubectl("run two --image=nginx:1.19")?;
        cluster.kubectl("wait --for=condition=Ready pod/one pod/two --timeout=90s")?;
        let ip = |pod: &str| cluster.field(&format!("pod {pod}"), ".status.podIP");
        let (one, two) = (ip("one")?, ip("two")?);
        cluster.apply(&by_hand(&one))?;
        slices_become(cluster, &format!("a {one}"))?;
        let service = cluster.field("svc by-hand", ".spec.clusterIP")?;
        let answers = |name: &str| {
            eventually(&format!("{name} to answer"), 30, || {
                let page = cluster.page(&format!("http://{service}:8000/hostname.html"))?;
                ensure!(page.trim() == name, "{page}");
                Ok(())
            })
        };
        answers("one")?;
        cluster.apply(&by_hand(&two))?;
        slices_become(cluster, &format!("a {two}"))?;
        answers("two")?;

        // Who makes slices himself says so.
        let skip = "endpointslice.kubernetes.io/skip-mirror";
        cluster.kubectl(&format!("label endpoints by-hand {skip}=true"))?;
        slices_become(cluster, "")?;
        cluster.kubectl(&format!("label endpoints by-hand {skip}-"))?;
        slices_become(cluster, &format!("a {two}"))?;
        cluster.kubectl("delete endpoints by-hand")?;
        slices_become(cluster, "")
    })
}
