//! Certificates are renewed long before their end, while all runs: nobody restarts anything, and no connection is lost.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, Node, eventually, on_a_cluster_with};

/// So that a year passes in seconds.
const SHORT: &str = "--certificate-validity-period=15s";

/// The certificate that a port shows, in PEM.
fn shown(cluster: &Cluster, port: &str) -> Result<String> {
    cluster.sh(&format!(
        "openssl s_client -connect {port} < /dev/null 2> /dev/null | openssl x509"
    ))
}

/// Waits until the certificate in the home folder's file has expired.
fn expires(cluster: &Cluster, file: &str) -> Result<()> {
    eventually(&format!("{file} to expire"), 60, || {
        cluster.refused(&format!("openssl x509 -noout -checkend 0 -in {file}"))
    })?;
    Ok(())
}

/// Asks the kubelet of a machine something through the API server, which shows it a certificate.
fn kubelet_answers(cluster: &Cluster, machine: &Node) -> Result<()> {
    let healthz = format!("get --raw /api/v1/nodes/{}/proxy/healthz", machine.name());
    eventually("the kubelet to answer", 30, || {
        let said = cluster.kubectl(&healthz)?;
        ensure!(said == "ok", "{said}");
        Ok(())
    })
}

#[test]
fn certificates_rotate_while_all_runs() -> Result<()> {
    on_a_cluster_with(&[SHORT], |cluster| {
        let token = cluster.skiff_does("token create")?;
        let agent = cluster.net().node().joining(cluster, &token).start()?;
        let at = |machine: &Node, port: u16| format!("{}:{port}", machine.address());
        let ports = [
            at(cluster, 6443),
            at(cluster, 10250),
            "127.0.0.1:10257".to_owned(),
            at(&agent, 10250),
        ];
        let home = cluster.home();
        let seen = home.join("seen");
        let mut watch = cluster.start("kubectl get configmaps --watch-only -o name", &seen)?;
        let mut first = Vec::new();
        for (at, port) in ports.iter().enumerate() {
            let certificate = shown(cluster, port)?;
            std::fs::write(home.join(format!("{at}.crt")), &certificate)?;
            first.push(certificate);
        }
        let own = agent.data_dir().join("kubelet.kubeconfig");
        let kubeconfigs = [home.join("kubeconfig"), own];
        let read = || -> Result<Vec<String>> {
            let read = kubeconfigs.iter().map(std::fs::read_to_string);
            Ok(read.collect::<Result<_, _>>()?)
        };
        let before = read()?;

        for (at, port) in ports.iter().enumerate() {
            expires(cluster, &format!("{at}.crt"))?;
            eventually(&format!("{port} to show another"), 60, || {
                ensure!(shown(cluster, port)? != first[at], "it is the first one");
                Ok(())
            })?;
        }
        let after = read()?;
        ensure!(
            before[0] != after[0] && before[1] != after[1],
            "a kubeconfig is as it was"
        );

        kubelet_answers(cluster, cluster)?;
        kubelet_answers(cluster, &agent)?;
        eventually("a ConfigMap to be made", 30, || {
            cluster.kubectl("create configmap late")
        })?;
        eventually("the watch to tell of it", 30, || {
            let told = std::fs::read_to_string(&seen)?;
            ensure!(told.contains("configmap/late"), "{told}");
            Ok(())
        })?;
        watch.kill()?;
        watch.wait()?;
        let ready = r#".items[*].status.conditions[?(@.type=="Ready")].status"#;
        let ready = cluster.field("nodes", ready)?;
        ensure!(ready == "True True", "{ready}");
        Ok(())
    })
}
