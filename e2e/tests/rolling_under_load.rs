//! Rolling updates under the load of wrk: no request fails (scenarios C6 and C8).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use skiff_e2e::vm::Guest;
use skiff_e2e::{Load, Terminal, TestNet, eventually, on_a_cluster};

/// How often the Deployment is rolled while the load goes on.
const ROLLS: usize = 3;
/// `make test-long` does each this often.
const RUNS: usize = 3;
const NODE_PORT: u16 = 30080;
const PAGE: &str = "hostname.html";

/// A web server as users are told to write it: it is asked whether it is ready, it goes on serving while the news of its
/// end spreads, which takes seconds on a busy emulated machine, and it lets go of its clients' connections in less time.
const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.19
        args: [sh, -c, 'sed -i s/keepalive_timeout.*/keepalive_time\\ 1s\\;/ /etc/nginx/nginx.conf && exec nginx -g \"daemon off;\"']
        readinessProbe:
          httpGet: {path: /hostname.html, port: 80}
          periodSeconds: 1
          timeoutSeconds: 10
        lifecycle: {preStop: {sleep: {seconds: 15}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
";

/// A server that knows of none of this: it ends at once, with its connections.
const CARELESS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.19
        readinessProbe:
          httpGet: {path: /hostname.html, port: 80}
          periodSeconds: 1
          timeoutSeconds: 10
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: web.iproute.cn
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
";

#[test]
fn c6_rolling_under_load_in_nftables() -> Result<()> {
    in_nftables()
}

#[test]
#[ignore = "a repetition, for make test-long"]
fn c6_rolling_under_load_in_nftables_again() -> Result<()> {
    (0..RUNS).try_for_each(|_| in_nftables())
}

#[test]
#[ignore = "minutes on an emulated machine, for make test-long"]
fn c6_rolling_under_load_in_ipvs() -> Result<()> {
    in_ipvs()
}

#[test]
#[ignore = "a repetition, for make test-long"]
fn c6_rolling_under_load_in_ipvs_again() -> Result<()> {
    (0..RUNS).try_for_each(|_| in_ipvs())
}

#[test]
fn c8_rolling_under_load_through_ingress() -> Result<()> {
    through_ingress()
}

#[test]
#[ignore = "a repetition, for make test-long"]
fn c8_rolling_under_load_through_ingress_again() -> Result<()> {
    (0..RUNS).try_for_each(|_| through_ingress())
}

fn in_nftables() -> Result<()> {
    on_a_cluster(|cluster| {
        let ip = serve(cluster)?;
        let node_port = format!("http://{}:{NODE_PORT}/{PAGE}", cluster.address());
        eventually("the NodePort to answer", 30, || cluster.page(&node_port))?;
        let from_node = cluster.namespace();
        let from_outside = cluster.net().router();
        let loads = [
            Load::start(from_node, &format!("http://{ip}/{PAGE}"), &[])?,
            Load::start(from_node, &format!("http://{ip}/{PAGE}"), &[CLOSE])?,
            Load::start(from_outside, &node_port, &[])?,
            Load::start(from_outside, &node_port, &[CLOSE])?,
        ];
        roll(cluster)?;
        each_was_answered_by_all(loads)
    })
}

/// On a kernel with IPVS. The load comes from another machine, which knows the way to the Services.
fn in_ipvs() -> Result<()> {
    let net = TestNet::new()?;
    let mut machine = Guest::boot(&net)?;
    machine.up(&["--proxy-mode=ipvs"])?;
    let walk = || {
        let router = net.router();
        router.ip(&format!("route add 10.96.0.0/12 via {}", machine.address()))?;
        let ip = serve(&machine)?;
        let cluster_ip = format!("http://{ip}/{PAGE}");
        let node_port = format!("http://{}:{NODE_PORT}/{PAGE}", machine.address());
        eventually("the Service to answer", 60, || {
            machine.page(&node_port)?;
            machine.page(&cluster_ip)
        })?;
        let loads = [
            Load::start(router, &cluster_ip, &[])?,
            Load::start(router, &node_port, &[CLOSE])?,
        ];
        roll(&machine)?;
        each_was_answered_by_all(loads)
    };
    walk().with_context(|| machine.log())
}

fn through_ingress() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(CARELESS)?;
        cluster.pods_ready("app=web", 2)?;
        let url = format!("http://{}/{PAGE}", cluster.address());
        let host = "Host: web.iproute.cn";
        eventually("the Ingress to answer", 30, || {
            cluster.sh(&format!("curl -sSf --max-time 5 -H '{host}' {url}"))
        })?;
        let from_outside = cluster.net().router();
        let loads = [
            Load::start(from_outside, &url, &[host])?,
            Load::start(from_outside, &url, &[host, CLOSE])?,
        ];
        roll(cluster)?;
        each_was_answered_by_all(loads)
    })
}

/// A client that asks once on a connection.
const CLOSE: &str = "Connection: close";

/// Makes the web server and its Service, and returns the Service's address.
fn serve(at: &Terminal) -> Result<String> {
    at.apply(WEB)?;
    at.pods_ready("app=web", 2)?;
    at.field("svc web", ".spec.clusterIP")
}

/// Replaces all Pods, again and again, and waits until the last new ones are alone in the Service.
fn roll(at: &Terminal) -> Result<()> {
    for _ in 0..ROLLS {
        at.kubectl("rollout restart deployment/web")?;
        at.kubectl("rollout status deployment/web --timeout=180s")?;
    }
    at.pods_ready("app=web", 2)?;
    Ok(())
}

/// Ends the loads: none may have lost a request, and each was answered by Pods of every generation.
fn each_was_answered_by_all<const N: usize>(loads: [Load; N]) -> Result<()> {
    // All are ended before one is judged.
    for answers in loads.map(Load::end) {
        let answers = answers?;
        let generations: BTreeSet<&str> = answers.keys().map(|pod| generation(pod)).collect();
        println!("{}", counted(&answers));
        ensure!(
            generations.len() == ROLLS + 1,
            "not all generations answered: {answers:?}"
        );
    }
    Ok(())
}

/// The name of a Pod of a Deployment without its last part: that of its ReplicaSet.
fn generation(pod: &str) -> &str {
    pod.rsplit_once('-').map_or(pod, |(set, _)| set)
}

fn counted(answers: &BTreeMap<String, u64>) -> String {
    let requests: u64 = answers.values().sum();
    format!(
        "{requests} requests were answered by {} Pods",
        answers.len()
    )
}
