//! Endpoints that a user makes by hand, or has published early (scenario C6).

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
        let warned = cluster.output("kubectl get endpoints by-hand", "")?.stderr;
        let words =
            "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
        ensure!(warned.contains(words), "{warned}");
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

#[test]
fn c6_who_is_not_ready_is_published_if_the_service_says_so() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: early, labels: {app: early}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: nginx, image: 'nginx:1.19', readinessProbe: {exec: {command: ['false']}}}
",
        )?;
        let service = |name: &str, spec: &str| {
            format!(
                "---\n{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{selector: {{app: early}}, \
                 ports: [{{port: 80}}], {spec}}}}}\n"
            )
        };
        cluster.apply(&service("hidden", "clusterIP: None"))?;
        cluster.apply(&service(
            "peers",
            "clusterIP: None, publishNotReadyAddresses: true",
        ))?;
        cluster.apply(&service("shown", "publishNotReadyAddresses: true"))?;
        cluster.field_becomes("pod early", ".status.phase", "Running", 90)?;
        let ip = cluster.field("pod early", ".status.podIP")?;
        let endpoints = |name: &str, list: &str, expected: &str| {
            let path = format!(".subsets[*].{list}[*].ip");
            cluster.field_becomes(&format!("endpoints {name}"), &path, expected, 30)
        };
        endpoints("hidden", "notReadyAddresses", &ip)?;
        endpoints("peers", "addresses", &ip)?;
        let slice = "endpointslices -l kubernetes.io/service-name=peers";
        let ready = ".items[*].endpoints[*].conditions";
        let expected = r#"{"ready":true,"serving":false,"terminating":false}"#;
        cluster.field_becomes(slice, ready, expected, 30)?;

        let addresses = |name: &str| {
            cluster.sh(&format!(
                "dig @10.96.0.10 +short +tries=1 +time=3 {name}.default.svc.cluster.local A"
            ))
        };
        eventually("the name to be known", 30, || {
            let found = addresses("peers")?;
            ensure!(found.trim() == ip, "{found:?}");
            let hidden = addresses("hidden")?;
            ensure!(hidden.is_empty(), "{hidden}");
            Ok(())
        })?;
        let service = cluster.field("svc shown", ".spec.clusterIP")?;
        eventually("the Service to answer", 30, || {
            cluster.page(&format!("http://{service}/hostname.html"))
        })?;
        Ok(())
    })
}

#[test]
fn endpoints_say_for_which_zone_they_are() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("run web --image=nginx:1.19 --labels=app=web")?;
        cluster.kubectl("create service clusterip web --tcp=80")?;
        cluster.kubectl(
            "patch service web --patch '{\"spec\":{\"trafficDistribution\":\"PreferSameZone\"}}'",
        )?;
        let slice = "endpointslices -l kubernetes.io/service-name=web";
        let hints = ".items[*].endpoints[*].hints";
        for zone in ["east", "west"] {
            let label = format!("topology.kubernetes.io/zone={zone}");
            cluster.kubectl(&format!("label node --all --overwrite {label}"))?;
            let expected = format!(r#"{{"forZones":[{{"name":"{zone}"}}]}}"#);
            cluster.field_becomes(slice, hints, &expected, 60)?;
        }
        cluster.pods_ready("app=web", 1)?;
        let ip = cluster.field("service web", ".spec.clusterIP")?;
        eventually("the Service to lead to its Pod", 60, || {
            let page = cluster.page(&format!("http://{ip}/hostname.html"))?;
            ensure!(page == "web\n", "{page:?}");
            Ok(())
        })
    })
}
