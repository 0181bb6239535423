//! Finding and showing objects: scenario A7.

use anyhow::{Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster};

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web-1, labels: {app: web, tier: front, release: stable}}
spec: &spec
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: 'busybox:1.28', command: [sleep, '3600']}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, labels: {app: web, tier: front, release: canary}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: 'busybox:1.28', command: [sleep, '3600']}]
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, labels: {app: db}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: 'busybox:1.28', command: [sleep, '3600']}]
";

/// The names that a list shows, in order.
fn found(cluster: &Node, selector: &str) -> Result<String> {
    let names = cluster.kubectl(&format!("get pods {selector} -o name"))?;
    let names = names.lines().map(|name| name.trim_start_matches("pod/"));
    Ok(names.collect::<Vec<_>>().join(" "))
}

#[test]
fn a7_labels_fields_and_outputs() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&PODS.replace("&spec", ""))?;
        cluster.kubectl("wait --for=condition=Ready pods --all --timeout=120s")?;

        for (selector, expected) in [
            ("-l app=web", "web-1 web-2"),
            ("-l app!=web", "db-1"),
            ("-l 'app in (web,db)'", "db-1 web-1 web-2"),
            ("-l 'app notin (web)'", "db-1"),
            ("-l release", "web-1 web-2"),
            ("-l '!release'", "db-1"),
            ("-l app=web,release=canary", "web-2"),
            ("-l 'app in (web),release notin (canary)'", "web-1"),
            ("--field-selector metadata.name=db-1", "db-1"),
            (
                "--field-selector status.phase=Running,metadata.name!=db-1",
                "web-1 web-2",
            ),
            (
                "-l app=web --field-selector spec.restartPolicy=Always",
                "web-1 web-2",
            ),
        ] {
            let seen = found(cluster, selector)?;
            ensure!(seen == expected, "{selector} finds {seen:?}");
        }
        let said = cluster.refused("kubectl get pods --field-selector spec.image=x")?;
        ensure!(
            said.contains("field label not supported: spec.image"),
            "{said}"
        );

        cluster.kubectl("label pod db-1 tier=back")?;
        let said = cluster.refused("kubectl label pod web-1 tier=back")?;
        ensure!(
            said.contains("already has a value (front), and --overwrite is false"),
            "{said}"
        );
        cluster.kubectl("label pod web-1 tier=back --overwrite")?;
        ensure!(found(cluster, "-l tier=back")? == "db-1 web-1");
        cluster.kubectl("label pod web-1 tier-")?;
        ensure!(found(cluster, "-l tier=back")? == "db-1");
        let labels = cluster.kubectl("get pods -L app,tier --no-headers")?;
        let first = labels.lines().next().unwrap_or_default();
        let cells: Vec<&str> = first.split_whitespace().collect();
        ensure!(cells[5..] == ["db", "back"], "{labels}");

        outputs(cluster)?;
        watched(cluster)
    })
}

fn outputs(cluster: &Node) -> Result<()> {
    let wide = cluster.kubectl("get pods -o wide --show-labels")?;
    for heading in [
        "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "LABELS",
    ] {
        ensure!(wide.contains(heading), "{heading} in {wide}");
    }
    ensure!(wide.contains("app=web,release=canary,tier=front"), "{wide}");
    for (output, expected) in [
        ("-o yaml", "name: db-1"),
        ("-o json", "\"name\": \"db-1\""),
        ("-o jsonpath='{.metadata.labels.app}'", "db"),
        (
            "-o custom-columns=POD:.metadata.name,APP:.metadata.labels.app --no-headers",
            "db-1   db",
        ),
        ("-o name", "pod/db-1"),
        (
            "-o go-template='{{.metadata.name}} {{.status.phase}}'",
            "db-1 Running",
        ),
    ] {
        let shown = cluster.kubectl(&format!("get pod db-1 {output}"))?;
        ensure!(shown.contains(expected), "{output} shows {shown}");
    }
    let sorted = cluster.kubectl("get pods --sort-by=.metadata.name --no-headers -o name")?;
    ensure!(sorted == "pod/db-1\npod/web-1\npod/web-2\n", "{sorted}");
    let reversed = cluster.kubectl("get pods --sort-by='{.metadata.labels.app}' -o name")?;
    ensure!(reversed.starts_with("pod/db-1"), "{reversed}");

    cluster.kubectl("create namespace other")?;
    let none = cluster.kubectl("get pods -n other 2>&1")?;
    ensure!(
        none.contains("No resources found in other namespace."),
        "{none}"
    );
    let all = cluster.kubectl("get pods -A --no-headers")?;
    ensure!(all.contains("default") && all.contains("db-1"), "{all}");
    Ok(())
}

/// A watch shows what comes, changes and goes.
fn watched(cluster: &Node) -> Result<()> {
    let seen = cluster.home().join("watched");
    let line = "kubectl get pods -l app=db --watch --output-watch-events --no-headers";
    let mut watch = cluster.start(line, &seen)?;
    let says = |what: &str| {
        eventually(&format!("{what:?} to be seen"), 60, || {
            let said = std::fs::read_to_string(&seen)?;
            ensure!(said.contains(what), "{said}");
            Ok(())
        })
    };
    says("ADDED")?;
    cluster.kubectl("annotate pod db-1 note=changed")?;
    says("MODIFIED")?;
    cluster.kubectl("delete pod db-1")?;
    says("DELETED")?;
    watch.kill()?;
    watch.wait()?;
    Ok(())
}
