//! Services at their addresses: scenarios C1 and C4.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::Host;
use crate::namespace::Namespace;
use crate::wait::eventually;

/// Requests to a ClusterIP, from the machine and from a Pod, go round the Pods in turn, and users see what leads where.
pub fn clusterip_in_turn(host: &dyn Host) -> Result<()> {
    host.kubectl("create deployment myapp-deploy --image=nginx:1.19 --replicas=3 --port=80")?;
    host.kubectl("create svc clusterip myapp-deploy --tcp=80:80")?;
    host.start_client_pod()?;
    let pods = host.pods_ready("app=myapp-deploy", 3)?;
    let ip = host.field("svc myapp-deploy", ".spec.clusterIP")?;
    let url = format!("http://{ip}/hostname.html");
    eventually("the Service to know its Pods", 60, || {
        let addresses = host.field("endpoints myapp-deploy", ".subsets[*].addresses[*].ip")?;
        ensure!(addresses.split(' ').count() == 3, "{addresses}");
        host.fetch(&url)
    })?;

    let from_node = || Ok(host.fetch(&url)?.trim().to_owned());
    goes_round(&pods, from_node)?;
    let from_pod = || {
        let page = host.kubectl(&format!("exec client -- timeout 5 wget -qO- {url}"))?;
        Ok(page.trim().to_owned())
    };
    goes_round(&pods, from_pod)?;

    let slices =
        host.kubectl("get endpointslices -l kubernetes.io/service-name=myapp-deploy --no-headers")?;
    ensure!(
        slices.contains("IPv4") && slices.contains(" 80 "),
        "{slices}"
    );
    let described = host.kubectl("describe svc myapp-deploy")?;
    let lines = [
        "IP:",
        "IPs:",
        "Port:",
        "TargetPort:",
        "Endpoints:",
        "Session Affinity:",
        "IP Family Policy:",
    ];
    for line in lines {
        ensure!(described.contains(line), "no {line} in\n{described}");
    }
    Ok(())
}

/// A NodePort answers the machine and those outside of it; what a user may ask for and what not.
pub fn nodeport(host: &dyn Host, outside: &Namespace) -> Result<()> {
    host.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
    host.kubectl("create svc nodeport web --tcp=80:80 --node-port=30002")?;
    let pods = host.pods_ready("app=web", 2)?;
    let url = format!("http://{}:30002/hostname.html", host.address());
    eventually("the node port to answer", 30, || host.fetch(&url))?;
    goes_round(&pods, || Ok(host.fetch(&url)?.trim().to_owned()))?;

    let from_outside = outside
        .command("wget")
        .args(["-q", "-T", "5", "-t", "1", "-O", "-", &url])
        .output()?;
    let page = String::from_utf8(from_outside.stdout)?;
    ensure!(
        pods.contains(&page.trim().to_owned()),
        "another machine sees {page:?}"
    );

    host.kubectl("create svc nodeport any --tcp=80:80")?;
    let given: u16 = host.field("svc any", ".spec.ports[0].nodePort")?.parse()?;
    ensure!((30000..=32767).contains(&given), "{given}");
    let taken = host.refused("kubectl create svc nodeport second --tcp=80:80 --node-port=30002")?;
    ensure!(
        taken.contains("provided port is already allocated"),
        "{taken}"
    );
    let beyond = host.refused("kubectl create svc nodeport second --tcp=80:80 --node-port=80")?;
    ensure!(
        beyond.contains("provided port is not in the valid range"),
        "{beyond}"
    );
    let left = host.names("svc")?;
    ensure!(!left.contains(&"second".to_owned()), "{left:?}");

    let fixed = "kubectl create svc clusterip fixed --tcp=80:80 --clusterip=10.96.7.7";
    host.sh(fixed)?;
    let clash = host.refused(&fixed.replace("clusterip fixed", "clusterip clash"))?;
    ensure!(
        clash.contains("provided IP is already allocated"),
        "{clash}"
    );
    Ok(())
}

/// A LoadBalancer answers at the machine's own address; a clash is told; who may ask, and what is asked of it.
pub fn loadbalancer_at_the_node(host: &dyn Host, outside: &Namespace) -> Result<()> {
    host.kubectl("create deployment balanced --image=nginx:1.19")?;
    host.pods_ready("app=balanced", 1)?;
    host.kubectl("expose deployment balanced --port=8088 --target-port=80 --type=LoadBalancer")?;
    let node = host.address().to_string();
    let address = ".status.loadBalancer.ingress[*].ip";
    host.field_becomes("svc balanced", address, &node, 30)?;
    let shown = host.kubectl("get svc balanced --no-headers")?;
    ensure!(shown.contains(&node), "{shown}");
    let page = format!("http://{node}:8088/hostname.html");
    eventually("the load balancer to answer", 30, || host.fetch(&page))?;
    let from_outside = || {
        let wget = ["-q", "-T", "3", "-t", "1", "-O", "-", &page];
        outside.command("wget").args(wget).output()
    };
    ensure!(
        from_outside()?.status.success(),
        "another machine is not answered"
    );

    // A clash stays pending and says so; it is served when the port is free.
    host.kubectl(
        "expose deployment balanced --name=second --port=8088 --target-port=80 --type=LoadBalancer",
    )?;
    eventually("the event about the clash", 30, || {
        let events = host.kubectl("get events")?;
        let words = "port 8088/TCP is taken by Service default/balanced";
        ensure!(events.contains(words), "{events}");
        let shown = host.kubectl("get svc second --no-headers")?;
        ensure!(shown.contains("<pending>"), "{shown}");
        Ok(())
    })?;

    // Only these may ask, and the node's own endpoints see them.
    host.sh("kubectl patch svc balanced -p '{\"spec\":{\"loadBalancerSourceRanges\":[\"203.0.113.0/24\"]}}'")?;
    eventually("the ranges to hold", 30, || {
        ensure!(!from_outside()?.status.success(), "it is still answered");
        Ok(())
    })?;
    host.sh("kubectl patch svc balanced -p '{\"spec\":{\"loadBalancerSourceRanges\":null,\"externalTrafficPolicy\":\"Local\"}}'")?;
    let port = host.field("svc balanced", ".spec.healthCheckNodePort")?;
    eventually("the health check", 30, || {
        let told = host.fetch(&format!("http://{node}:{port}/healthz"))?;
        ensure!(told.contains("\"localEndpoints\":1"), "{told}");
        ensure!(from_outside()?.status.success(), "it is not answered");
        Ok(())
    })?;
    host.kubectl("delete svc balanced")?;
    host.field_becomes("svc second", address, &node, 30)
}

/// In turn: among as many requests in a row as there are Pods, each Pod answers one.
fn goes_round(pods: &[String], ask: impl Fn() -> Result<String>) -> Result<()> {
    let expected: BTreeSet<&String> = pods.iter().collect();
    // A Pod is ready a moment before the kernel knows of it.
    eventually("each Pod to answer", 30, || {
        let answers = answers(pods.len(), &ask)?;
        ensure!(expected == answers.iter().collect(), "{answers:?}");
        Ok(())
    })?;
    let answers = answers(pods.len() * 3, &ask)?;
    for in_a_row in answers.windows(pods.len()) {
        let seen: BTreeSet<&String> = in_a_row.iter().collect();
        ensure!(seen == expected, "not in turn: {answers:?}");
    }
    Ok(())
}

fn answers(count: usize, ask: impl Fn() -> Result<String>) -> Result<Vec<String>> {
    (0..count).map(|_| ask()).collect()
}
