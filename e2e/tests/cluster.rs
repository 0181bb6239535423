//! The cluster itself: what it answers, its ports, its end, and its return (scenarios E1, E2).

use anyhow::{Context, Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

#[test]
fn e1_the_cluster_answers_as_users_expect() -> Result<()> {
    on_a_cluster(|cluster| {
        for (question, expected) in [
            ("version", &["Server Version: v1.36"][..]),
            (
                "cluster-info",
                &["Kubernetes control plane", "KubeDNS", "is running at"],
            ),
            (
                "get nodes -o wide",
                &[
                    "control-plane",
                    "v1.36.0",
                    "containerd://",
                    "Debian GNU/Linux",
                ],
            ),
            (
                "api-resources",
                &["deployments", "deploy", "apps/v1", "StatefulSet", "sts"],
            ),
            (
                "explain statefulset.spec",
                &["volumeClaimTemplates", "serviceName", "-required-"],
            ),
            (
                "get componentstatuses",
                &["scheduler", "controller-manager", "etcd-0", "Healthy", "ok"],
            ),
        ] {
            let said = cluster.kubectl(question)?;
            for words in expected {
                ensure!(
                    said.contains(words),
                    "{question} does not say {words}:\n{said}"
                );
            }
        }
        Ok(())
    })
}

/// Writes into a volume of the Pod that outlives its containers.
const KEEPER: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: keeper, labels: {app: keeper}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: keeper
    image: busybox:1.28
    command: [sh, -c, "echo started >> /data/log; sleep 3600 & wait"]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, emptyDir: {}}]
"#;

/// Two Pods of a Deployment, and one with data.
fn populate(cluster: &Cluster) -> Result<()> {
    cluster.apply(KEEPER)?;
    cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
    cluster.kubectl("expose deployment web --port=80")?;
    cluster.pods_ready("app=web", 2)?;
    cluster.pods_ready("app=keeper", 1)?;
    Ok(())
}

/// Waits until all of it runs again: the Pods of before, in new sandboxes, and no address or namespace of an old one.
fn all_is_back(cluster: &Cluster, before: &[String]) -> Result<()> {
    cluster.field_becomes(
        "pod keeper",
        ".status.containerStatuses[0].restartCount",
        "1",
        120,
    )?;
    let pods = cluster.pods_ready("app=web", 2)?;
    ensure!(pods == before, "the Pods were {before:?} and are {pods:?}");
    cluster.pods_ready("app=keeper", 1)?;
    let log = cluster.kubectl("exec keeper -- cat /data/log")?;
    ensure!(log == "started\nstarted\n", "the Pod's data: {log:?}");
    let service = cluster.field("svc web", ".spec.clusterIP")?;
    eventually("the Service to answer", 30, || {
        cluster.page(&format!("http://{service}/"))
    })?;

    let data = cluster.data_dir().display();
    eventually("as many addresses and namespaces as Pods", 60, || {
        let addresses = cluster.sh(&format!("ls {data}/cni/networks/skiff | grep -c '^10\\.'"))?;
        let spaces = cluster.sh(&format!(
            "grep -c {data}/containerd/state/.*netns /proc/self/mountinfo"
        ))?;
        ensure!(addresses.trim() == "3", "{addresses} addresses");
        ensure!(spaces.trim() == "3", "{spaces} network namespaces");
        Ok(())
    })
}

#[test]
fn e1_down_and_up_again() -> Result<()> {
    on_a_cluster(|cluster| {
        populate(cluster)?;
        let before = cluster.pods_ready("app=web", 2)?;
        cluster.skiff_does("down")?;
        cluster.stopped()?;
        cluster.up()?;
        all_is_back(cluster, &before)
    })
}

#[test]
fn e1_pods_return_after_a_reboot() -> Result<()> {
    on_a_cluster(|cluster| {
        populate(cluster)?;
        let before = cluster.pods_ready("app=web", 2)?;
        cluster.reboot()?;
        let left = cluster.sh("ip -br link")?;
        ensure!(!left.contains("cni0"), "{left}");
        cluster.up()?;
        all_is_back(cluster, &before)
    })
}

#[test]
fn e2_each_part_has_its_port() -> Result<()> {
    on_a_cluster(|cluster| {
        let ask =
            |url: &str| cluster.sh(&format!("wget -qO- --no-check-certificate -T 5 -t 1 {url}"));
        for url in [
            "https://127.0.0.1:6443/livez",
            "https://127.0.0.1:6443/readyz",
            "http://127.0.0.1:10248/healthz",
            "http://127.0.0.1:10256/healthz",
            "https://127.0.0.1:10257/healthz",
            "https://127.0.0.1:10259/healthz",
        ] {
            let said = ask(url)?;
            ensure!(
                said.contains("ok") || said.contains("lastUpdated"),
                "{url} said {said}"
            );
        }
        // Who shows no certificate may not ask for more.
        for url in [
            "https://127.0.0.1:10250/pods",
            "https://127.0.0.1:10257/metrics",
        ] {
            let said = ask(url);
            ensure!(said.is_err(), "{url} answered everybody: {said:?}");
        }
        cluster.sh("kubectl config view --raw -o 'jsonpath={.users[0].user.client-certificate-data}' | base64 -d > crt")?;
        cluster.sh("kubectl config view --raw -o 'jsonpath={.users[0].user.client-key-data}' | base64 -d > key")?;
        for (url, metric) in [
            ("https://127.0.0.1:6443/metrics", "apiserver_request_total"),
            ("https://127.0.0.1:10250/metrics", "kubelet_running_pods"),
            (
                "https://127.0.0.1:10257/metrics",
                "controller_runtime_reconcile_total",
            ),
            (
                "https://127.0.0.1:10259/metrics",
                "process_resident_memory_bytes",
            ),
            (
                "http://127.0.0.1:10249/metrics",
                "process_resident_memory_bytes",
            ),
        ] {
            let said = ask(&format!("--certificate=crt --private-key=key {url}"))?;
            let line = said.lines().find(|line| line.starts_with(metric));
            line.with_context(|| format!("{url} has no {metric}:\n{said}"))?;
        }
        Ok(())
    })
}
