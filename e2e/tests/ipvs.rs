//! The service proxy over the kernel's IPVS, in a virtual machine: scenarios C1 and C2.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use skiff_e2e::vm::Guest;
use skiff_e2e::{TestNet, eventually};

#[test]
fn c2_ipvsadm_shows_the_service_and_its_endpoints() -> Result<()> {
    let net = TestNet::new()?;
    let mut machine = Guest::boot(&net)?;
    machine.inside("grep -q ip_vs /proc/modules")?;
    machine.up(&["--proxy-mode=ipvs"])?;
    walk(&machine).with_context(|| machine.log())
}

fn walk(machine: &Guest<'_>) -> Result<()> {
    machine.apply(
        "
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
          httpGet: {path: /index.html, port: 80}
          periodSeconds: 1
          timeoutSeconds: 10
          failureThreshold: 1
",
    )?;
    machine.kubectl("create svc clusterip web --tcp=80:80")?;
    machine.pods_ready("app=web", 2)?;
    let ip = machine.field("svc web", ".spec.clusterIP")?;
    shows_ready_pods(machine, &ip, 2)?;

    // In turn: two requests in a row are answered by two Pods.
    let pages = machine.inside(&format!(
        "for i in 1 2 3 4; do wget -q -T 10 -O - http://{ip}/hostname.html; done"
    ))?;
    let pages: Vec<&str> = pages.lines().collect();
    ensure!(pages.len() == 4 && pages[0] != pages[1], "{pages:?}");
    ensure!(pages[..2] == pages[2..], "not in turn: {pages:?}");

    machine.kubectl("scale deployment web --replicas=3")?;
    let pods = machine.pods_ready("app=web", 3)?;
    shows_ready_pods(machine, &ip, 3)?;

    let page = "/usr/share/nginx/html/index.html";
    machine.kubectl(&format!("exec {} -- mv {page} {page}.away", pods[0]))?;
    shows_ready_pods(machine, &ip, 2)?;
    let row = machine.kubectl(&format!("get pod {} --no-headers", pods[0]))?;
    ensure!(row.contains("0/1") && row.contains("Running"), "{row}");
    machine.kubectl(&format!("exec {} -- mv {page}.away {page}", pods[0]))?;
    shows_ready_pods(machine, &ip, 3)?;

    machine.kubectl("scale deployment web --replicas=1")?;
    shows_ready_pods(machine, &ip, 1)?;
    every_kind_of_server(machine, &ip)?;
    machine.kubectl("delete svc web")?;
    eventually("the virtual server to go", 60, || {
        let table = machine.inside("ipvsadm -Ln")?;
        ensure!(!table.contains(&format!("{ip}:80")), "{table}");
        Ok(())
    })
}

/// Affinity, UDP, NodePorts and other schedulers.
fn every_kind_of_server(machine: &Guest<'_>, ip: &str) -> Result<()> {
    machine.inside("ip address add 192.0.2.77/32 dev lo")?;
    machine.apply(
        "
apiVersion: v1
kind: Service
metadata: {name: more}
spec:
  type: NodePort
  selector: {app: web}
  sessionAffinity: ClientIP
  ports: [{name: http, port: 80, nodePort: 30002}, {name: udp, port: 53, protocol: UDP}]
",
    )?;
    let more = machine.field("svc more", ".spec.clusterIP")?;
    let lines = [
        format!("TCP  {more}:80 rr persistent 10800"),
        format!("UDP  {more}:53 rr persistent 10800"),
        "TCP  192.0.2.77:30002 rr persistent 10800".to_owned(),
    ];
    shows(machine, &lines)?;
    eventually("the NodePort to answer", 60, || {
        machine.inside("wget -q -T 10 -O - http://192.0.2.77:30002/hostname.html")
    })?;
    let config = "-n kube-system get cm kube-proxy -o yaml";
    let edited = machine
        .kubectl(config)?
        .replace("scheduler: rr", "scheduler: lc");
    machine.apply(&edited)?;
    shows(
        machine,
        &[
            format!("TCP  {ip}:80 lc"),
            format!("TCP  {more}:80 lc persistent 10800"),
        ],
    )?;
    // This kernel has no such scheduler: that is said, and the usual one takes its place.
    let edited = machine
        .kubectl(config)?
        .replace("scheduler: lc", "scheduler: wlc");
    machine.apply(&edited)?;
    shows(machine, &[format!("TCP  {ip}:80 rr")])?;
    let told = "-n kube-system get events --field-selector reason=FallbackProxyMode";
    let told = machine.kubectl(told)?;
    ensure!(told.contains("module ip_vs_wlc"), "{told}");
    Ok(())
}

/// Waits until `ipvsadm -Ln` prints these virtual servers.
fn shows(machine: &Guest<'_>, servers: &[String]) -> Result<()> {
    eventually(&format!("ipvsadm to show {servers:?}"), 90, || {
        let table = machine.inside("ipvsadm -Ln")?;
        let shown: BTreeSet<&str> = table.lines().map(str::trim_end).collect();
        let all = servers.iter().all(|server| shown.contains(server.as_str()));
        ensure!(all, "{table}");
        Ok(())
    })
}

/// Waits until `ipvsadm -Ln` prints the Service as `rr` with `count` lines, those of the ready Pods.
fn shows_ready_pods(machine: &Guest<'_>, ip: &str, count: usize) -> Result<()> {
    eventually(&format!("ipvsadm to show {count} endpoints"), 90, || {
        let table = machine.inside("ipvsadm -Ln")?;
        let endpoints = endpoints(&table, ip).with_context(|| table.clone())?;
        let ready = machine.field("endpoints web", ".subsets[*].addresses[*].ip")?;
        let ready: BTreeSet<String> = ready
            .split_whitespace()
            .map(|ip| format!("{ip}:80"))
            .collect();
        ensure!(
            endpoints.len() == count && endpoints == ready,
            "ready: {ready:?}\n{table}"
        );
        Ok(())
    })
}

/// The `Masq` endpoints of weight 1 below `TCP  <ip>:80 rr`. Those of weight 0 have left and drain their connections.
fn endpoints(table: &str, ip: &str) -> Result<BTreeSet<String>> {
    let server = format!("TCP  {ip}:80 rr");
    let mut lines = table.lines().skip_while(|line| line.trim_end() != server);
    lines
        .next()
        .with_context(|| format!("no line {server:?}"))?;
    let endpoint = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["->", address, "Masq", "1", ..] => Some(address.to_owned()),
            _ => None,
        }
    };
    let of_server = lines.take_while(|line| line.trim_start().starts_with("->"));
    Ok(of_server.filter_map(endpoint).collect())
}
