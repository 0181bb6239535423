//! Bad input gets a clear error and changes nothing.

use std::fs;

use anyhow::{Result, ensure};
use skiff_e2e::{Terminal, TestNet, on_a_cluster};

/// Manifests that `kubectl apply` must refuse, with what it must say.
const MANIFESTS: &[(&str, &str)] = &[
    ("{", "error parsing STDIN"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: [", "yaml"),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: Bad_Name}, spec: {containers: [{name: a, image: b}]}}",
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters",
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: []}}",
        "spec.containers: Required value",
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: [{name: a, image: b, imagePullPolicy: Sometimes}]}}",
        "Unsupported value: \"Sometimes\"",
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: [{name: a, image: b, colour: red}]}}",
        "unknown field \"spec.containers[0].colour\"",
    ),
    (
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: bad}, spec: {replicas: three, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}}",
        "replicas",
    ),
    (
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: bad}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: a, image: b}]}}}}",
        "`selector` does not match template `labels`",
    ),
    (
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: bad}, spec: {serviceName: s, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: a, image: b}]}}}}",
        "`selector` does not match template `labels`",
    ),
    (
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: [{port: 70000}]}}",
        "must be between 1 and 65535",
    ),
    (
        "{apiVersion: v1, kind: Nonsense, metadata: {name: bad}}",
        "no matches for kind \"Nonsense\" in version \"v1\"",
    ),
    (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: bad, namespace: nowhere}}",
        "namespaces \"nowhere\" not found",
    ),
];

/// Command lines that must be refused, with what they must say.
const LINES: &[(&str, &str)] = &[
    ("kubectl get pod none", "pods \"none\" not found"),
    (
        "kubectl create namespace default",
        "namespaces \"default\" already exists",
    ),
    ("kubectl delete namespace kube-system", "forbidden"),
    (
        "kubectl get pods -l 'a in b'",
        "unable to parse requirement",
    ),
    (
        "kubectl get pods --field-selector spec.nonsense=1",
        "field label not supported",
    ),
    ("kubectl scale deployment none --replicas=2", "not found"),
    ("kubectl logs none", "not found"),
    (
        "kubectl get --raw /apis/none/v1",
        "could not find the requested resource",
    ),
    (
        "wget -q -S --no-check-certificate -O /dev/null $SERVER/api/v1/pods",
        "401 Unauthorized",
    ),
    (
        "kubectl --token=nonsense --kubeconfig=/dev/null --server=$SERVER --insecure-skip-tls-verify get pods",
        "You must be logged in to the server",
    ),
];

#[test]
fn bad_input_to_the_api() -> Result<()> {
    on_a_cluster(|cluster| {
        let before = everything(cluster)?;
        for (manifest, complaint) in MANIFESTS {
            let said = cluster.refused_with("kubectl apply -f -", manifest)?;
            let found = said.to_lowercase().contains(&complaint.to_lowercase());
            ensure!(
                found,
                "{manifest}\nis refused, but without {complaint:?}:\n{said}"
            );
        }
        let server = format!("https://{}:6443", cluster.address());
        for (line, complaint) in LINES {
            let said = cluster.refused(&line.replace("$SERVER", &server))?;
            ensure!(
                said.contains(complaint),
                "{line}\nis refused, but without {complaint:?}:\n{said}"
            );
        }
        let huge = "x".repeat(4 << 20);
        let manifest = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: huge}}, data: {{a: {huge}}}}}"
        );
        let said = cluster.refused_with("kubectl create -f -", &manifest)?;
        let known = ["too large", "Too long", "limit is 3145728"];
        ensure!(
            known.iter().any(|complaint| said.contains(complaint)),
            "{}",
            &said[..said.len().min(500)]
        );

        let misspelt = "{apiVersion: v1, kind: ConfigMap, metadata: {name: warned}, dada: {}}";
        let line = "kubectl create --validate=warn --dry-run=server -f -";
        let warned = cluster.output(line, misspelt)?;
        let told = warned.success && warned.stderr.contains("unknown field \"dada\"");
        ensure!(told, "not warned of an unknown field: {warned:?}");
        let after = everything(cluster)?;
        ensure!(before == after, "something changed:\n{before}\n{after}");
        Ok(())
    })
}

#[test]
fn bad_input_to_skiff_up() -> Result<()> {
    let net = TestNet::new()?;
    let cases = [
        ("--cluster-cidr=10.244.0.0", "cluster-cidr"),
        ("--service-cidr=10.244.128.0/20", "10.244.128.0/20"),
        ("--cluster-dns=1.2.3.4", "1.2.3.4"),
        ("--proxy-mode=magic", "magic"),
        (
            "--containerd=/nonexistent/containerd.sock",
            "/nonexistent/containerd.sock",
        ),
        ("--node-name=Bad_Name", "Bad_Name"),
        ("--config=/nonexistent.yaml", "/nonexistent.yaml"),
        ("--registry-mirror=nonsense", "nonsense"),
        ("--no-such-flag", "--no-such-flag"),
    ];
    let node = net.node().prepare()?;
    for (flag, complaint) in cases {
        let data_dir = node.home().join("refused");
        let line = format!(
            "timeout 30 skiff up --data-dir={} {flag}",
            data_dir.display()
        );
        let said = refused_and_said(&node, &line)?;
        ensure!(
            said.contains(complaint),
            "{flag} is refused, but without {complaint:?}:\n{said}"
        );
    }
    Ok(())
}

#[test]
fn a_port_in_use_and_a_foreign_data_directory_are_told() -> Result<()> {
    on_a_cluster(|cluster| {
        let second = cluster.home().join("second");
        let line = format!("timeout 60 skiff up --data-dir={}", second.display());
        let said = refused_and_said(cluster, &line)?;
        ensure!(said.contains("6443"), "{said}");
        let same = format!(
            "timeout 60 skiff up --data-dir={} --bind=127.0.0.1:7443",
            cluster.data_dir().display()
        );
        let said = refused_and_said(cluster, &same)?;
        ensure!(
            said.contains(&*cluster.data_dir().to_string_lossy()),
            "{said}"
        );

        let file = cluster.home().join("file");
        fs::write(&file, "not a folder")?;
        let said = refused_and_said(
            cluster,
            &format!("timeout 60 skiff up --data-dir={}", file.display()),
        )?;
        ensure!(said.contains(&*file.to_string_lossy()), "{said}");
        ensure!(
            cluster.kubectl("get --raw /readyz")? == "ok",
            "the cluster was disturbed"
        );
        Ok(())
    })
}

fn refused_and_said(terminal: &Terminal, line: &str) -> Result<String> {
    let output = terminal.output(line, "")?;
    ensure!(
        !output.success,
        "`{line}` was not refused:\n{}",
        output.stdout
    );
    let said = output.stdout + &output.stderr;
    ensure!(!said.contains("panicked"), "`{line}` panicked:\n{said}");
    Ok(said)
}

/// The names of all that a user's mistake could have made or removed.
fn everything(terminal: &Terminal) -> Result<String> {
    terminal.kubectl(
        "get pods,services,deployments,statefulsets,configmaps,secrets,namespaces -A -o name",
    )
}
