//! The corners of the dataplane: scenario C9.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::Host;
use crate::command::output;
use crate::namespace::Namespace;
use crate::wait::eventually;

/// Rules that somebody removes come back, and a host that forwards nothing forwards for Pods. It asks from the Pod
/// `client` as well.
pub fn flushed_rules_come_back(host: &dyn Host) -> Result<()> {
    host.kubectl("create deployment kept --image=nginx:1.19")?;
    host.kubectl("expose deployment kept --port=80")?;
    let pods: BTreeSet<String> = host.pods_ready("app=kept", 1)?.into_iter().collect();
    let ip = host.field("svc kept", ".spec.clusterIP")?;
    serves(host, &ip, &pods)?;
    host.inside("nft flush ruleset")?;
    serves(host, &ip, &pods)?;
    // A firewall such as Docker's.
    host.inside("iptables -P FORWARD DROP")?;
    serves(host, &ip, &pods)
}

/// A client of UDP that keeps its port follows a change of endpoints; a Pod reaches itself through its own Service.
pub fn datagrams_follow_and_a_pod_reaches_itself(host: &dyn Host) -> Result<()> {
    host.apply(&answering("one"))?;
    host.kubectl("expose pod one --name=udp --port=5353 --protocol=UDP --selector=app=udp")?;
    host.kubectl("wait --for=condition=Ready pod/one --timeout=120s")?;
    let ip = host.field("svc udp", ".spec.clusterIP")?;
    let answers = |name: &str| {
        // Always from the same port: one connection to the kernel.
        let socket = format!("LocalPort => 7777, PeerAddr => \"{ip}:5353\", Proto => \"udp\"");
        let ask = format!(
            "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new({socket}) or die; $s->send(\"hi\"); alarm 2; $s->recv($m, 9); print $m'"
        );
        eventually(&format!("{name} to answer"), 60, || {
            let answer = host.inside(&ask)?;
            ensure!(answer.contains(name), "{answer:?}");
            Ok(())
        })
    };
    answers("one")?;
    host.apply(&answering("two"))?;
    host.kubectl("wait --for=condition=Ready pod/two --timeout=120s")?;
    host.kubectl("delete pod one --grace-period=1")?;
    answers("two")?;

    host.kubectl("run itself --image=nginx:1.19 --port=80 --expose")?;
    host.kubectl("wait --for=condition=Ready pod/itself --timeout=120s")?;
    let ask = "exec itself -- busybox timeout 5 busybox wget -qO- http://itself/hostname.html";
    eventually("a Pod to reach itself through its Service", 60, || {
        let page = host.kubectl(ask)?;
        ensure!(page.trim() == "itself", "{page}");
        Ok(())
    })
}

/// A client that speaks from one port to a Pod, through two addresses at once, gets each answer from the address that it
/// asked. It runs on the machine, and then `outside`, which is led to the Services by it.
pub fn one_port_two_addresses(host: &dyn Host, outside: &Namespace) -> Result<()> {
    host.kubectl("run twice --image=nginx:1.19 --port=80 --expose")?;
    host.kubectl("expose pod twice --name=again --port=80 --type=NodePort")?;
    host.kubectl("wait --for=condition=Ready pod/twice --timeout=120s")?;
    let cluster_ip = |service: &str| host.field(service, ".spec.clusterIP");
    let node_port = host.field("svc again", ".spec.ports[0].nodePort")?;
    let addresses = [
        format!("{}:80", cluster_ip("svc twice")?),
        format!("{}:80", cluster_ip("svc again")?),
        format!("{}:{node_port}", host.address()),
    ];
    for address in &addresses {
        let url = format!("http://{address}/hostname.html");
        eventually("the Services to answer", 60, || host.fetch(&url))?;
    }
    let way = format!("route replace 10.96.0.0/12 via {}", host.address());
    outside.ip(&way)?;
    let [first, second, third] = &addresses;
    for (older, newer) in [(first, second), (second, third), (third, first)] {
        let ask = asking_both(older, newer);
        let from_outside = output(outside.command("sh").args(["-c", &ask]))?;
        for said in [host.inside(&ask)?, from_outside] {
            ensure!(said == "200 200 200 ", "{older} and {newer}: {said:?}");
        }
    }
    Ok(())
}

/// A line that prints the answers to a request at `older`, to one from the same port at `newer`, and to another on the
/// first connection.
fn asking_both(older: &str, newer: &str) -> String {
    let connect =
        "IO::Socket::INET->new(ReuseAddr => 1, PeerAddr => $_[0], LocalPort => $_[1]) or die $@";
    let request = "qq(HEAD / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n)";
    let ask =
        format!("syswrite $_[0], {request}; sysread $_[0], $m, 4096; print $m =~ / (\\d+) /, q( )");
    format!(
        "perl -MIO::Socket::INET -e 'alarm 45; sub at {{ {connect} }} sub ask {{ {ask} }} \
         $a = at(q({older}), 0); ask($a); $b = at(q({newer}), $a->sockport); ask($b); ask($a)'"
    )
}

/// A Pod that answers each datagram with its name.
fn answering(name: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: udp}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: answer
    image: perl:5.34.0
    command:
    - perl
    - -MIO::Socket::INET
    - -e
    - '$s = IO::Socket::INET->new(LocalPort => 5353, Proto => q(udp)) or die; $s->send(q({name})) while $s->recv($m, 9);'
"
    )
}

/// Each Pod answers: at the Service's address for the machine and for the Pod `client`.
pub fn serves(host: &dyn Host, ip: &str, pods: &BTreeSet<String>) -> Result<()> {
    let url = format!("http://{ip}/hostname.html");
    for from_pod in [false, true] {
        let mut seen = BTreeSet::new();
        eventually("every Pod to answer", 60, || {
            let page = match from_pod {
                true => host.kubectl(&format!("exec client -- timeout 5 wget -qO- {url}"))?,
                false => host.fetch(&url)?,
            };
            seen.insert(page.trim().to_owned());
            ensure!(seen == *pods, "{seen:?}, not {pods:?}");
            Ok(())
        })?;
    }
    Ok(())
}
