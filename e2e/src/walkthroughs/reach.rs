//! Pods of several machines reach each other: scenario C7.

use anyhow::{Context, Result, ensure};

use super::Host;
use crate::wait::eventually;

/// A Pod on each of three machines: each reaches the others, directly and through their Service, which also answers at
/// every machine's address; who asks is seen; and packets are not too long for the way.
///
/// The Pods stay: `web-1` on `first`, `web-2` and `web-3` on the others, behind the Service `web` with NodePort 30002.
pub fn pods_reach_each_other(first: &dyn Host, others: [&dyn Host; 2]) -> Result<()> {
    let pods = ["web-1", "web-2", "web-3"];
    for (pod, node) in pods.into_iter().zip([first, others[0], others[1]]) {
        let pin = format!(
            r#"--overrides='{{"spec":{{"nodeName":"{}"}}}}'"#,
            node.name()
        );
        first.kubectl(&format!("run {pod} --image=nginx:1.19 -l app=web {pin}"))?;
    }
    first.kubectl("create service nodeport web --tcp=80:80 --node-port=30002")?;
    first.pods_ready("app=web", 3)?;
    directly(first, pods)?;
    through_their_service(first, pods)?;
    for machine in others {
        let addresses = machine.inside("ip -br -4 address show cni0")?;
        ensure!(addresses.contains("/24"), "{addresses}");
        for asked in [first.address(), machine.address()] {
            let url = format!("http://{asked}:30002/hostname.html");
            for _ in 0..3 {
                let said = machine.fetch(&url)?;
                ensure!(pods.contains(&said.trim()), "{url} said {said}");
            }
        }
    }
    ten_megabytes_come(first)
}

fn ip(host: &dyn Host, pod: &str) -> Result<String> {
    host.field(&format!("pod {pod}"), ".status.podIP")
}

fn directly(host: &dyn Host, pods: [&str; 3]) -> Result<()> {
    let ips = pods
        .iter()
        .map(|pod| ip(host, pod))
        .collect::<Result<Vec<_>>>()?;
    for (from, from_ip) in pods.iter().zip(&ips) {
        let (range, _) = from_ip.rsplit_once('.').context("an IPv4 address")?;
        for (to, to_ip) in pods.iter().zip(&ips) {
            ensure!(
                to_ip.starts_with(&format!("{range}.")) == (from == to),
                "{from} and {to} have {range} both"
            );
            let page = format!(
                "exec {from} -- busybox timeout 5 busybox wget -qO- http://{to_ip}/hostname.html"
            );
            let said = eventually("a Pod to reach another", 30, || host.kubectl(&page))?;
            ensure!(said.trim() == *to, "{from} reached {said} instead of {to}");
        }
    }
    // The other machine's Pod sees who asks.
    let log = host.kubectl("logs web-3")?;
    ensure!(
        log.contains(&ips[1]),
        "the client's address was hidden:\n{log}"
    );
    Ok(())
}

fn through_their_service(host: &dyn Host, pods: [&str; 3]) -> Result<()> {
    for from in pods {
        let ask = "for i in 1 2 3 4 5 6 7 8 9; do busybox timeout 5 busybox wget -qO- http://web/hostname.html; done";
        let met = host.kubectl(&format!("exec {from} -- sh -c '{ask}'"))?;
        let mut met: Vec<&str> = met.split_whitespace().collect();
        met.sort();
        met.dedup();
        ensure!(met == pods, "{from} met only {met:?}");
    }
    Ok(())
}

fn ten_megabytes_come(host: &dyn Host) -> Result<()> {
    let make = "head -c 10485760 /dev/zero > /usr/share/nginx/html/big";
    host.kubectl(&format!("exec web-3 -- sh -c '{make}'"))?;
    let fetch = format!(
        "busybox timeout 20 busybox wget -qO- http://{}/big | wc -c",
        ip(host, "web-3")?
    );
    let bytes = host.kubectl(&format!("exec web-1 -- sh -c '{fetch}'"))?;
    ensure!(bytes.trim() == "10485760", "{bytes} bytes of 10 MB came");
    Ok(())
}
