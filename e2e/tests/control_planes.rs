//! Several machines have the control plane, its state is in etcd (scenario E3).

use anyhow::{Result, ensure};
use skiff_e2e::{Etcd, Node, TestNet, WEB_THAT_MOVES, eventually, on_machines};

/// How long a machine may be silent.
const GRACE: &str = "--node-monitor-grace-period=8s";

/// Waits until the node is so, as `kubectl` on that machine shows it.
fn node_becomes(seen_by: &Node, node: &str, status: &str) -> Result<()> {
    let ready = ".status.conditions[?(@.type==\"Ready\")].status";
    seen_by.field_becomes(&format!("node {node}"), ready, status, 90)
}

/// Waits until the `kubernetes` Service leads to the API servers of these machines alone.
fn api_servers_become(seen_by: &Node, machines: &[&Node]) -> Result<()> {
    let mut addresses: Vec<_> = machines.iter().map(|machine| machine.address()).collect();
    addresses.sort();
    let expected: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let endpoints = ".endpoints[*].addresses[0]";
    seen_by.field_becomes(
        "endpointslice kubernetes",
        endpoints,
        &expected.join(" "),
        60,
    )
}

/// Waits until the Service answers, again and again, on that machine.
fn answers_on(machine: &Node, service: &str) -> Result<()> {
    eventually("all requests to be answered", 90, || {
        (0..6).try_for_each(|_| machine.page(service).map(drop))
    })
}

/// Waits until that many Pods of `web` are ready on machines other than `lost`.
fn runs_elsewhere(seen_by: &Node, lost: &str, count: usize) -> Result<()> {
    eventually("Pods on the machines that are left", 120, || {
        let columns =
            "custom-columns=N:.spec.nodeName,R:.status.conditions[?(@.type==\"Ready\")].status";
        let shown = seen_by.kubectl(&format!("get pods -l app=web --no-headers -o '{columns}'"))?;
        let lines = shown.lines().map(|line| line.split_whitespace().collect());
        let ready: Vec<Vec<&str>> = lines
            .filter(|words: &Vec<&str>| words[0] != lost && words.ends_with(&["True"]))
            .collect();
        ensure!(ready.len() == count, "they are\n{shown}");
        Ok(())
    })
}

/// Who holds a Lease of the control plane.
fn leader(seen_by: &Node, lease: &str) -> Result<String> {
    let holder = ".spec.holderIdentity";
    let holder = seen_by.field(&format!("-n kube-system lease {lease}"), holder)?;
    let (node, _) = holder.split_once('_').unwrap_or((&holder, ""));
    Ok(node.to_owned())
}

/// Runs `web` with three Pods behind a Service, and returns where that is.
fn serve_web(by: &Node) -> Result<String> {
    by.apply(WEB_THAT_MOVES)?;
    by.kubectl("create service clusterip web --tcp=80:80")?;
    by.pods_ready("app=web", 3)?;
    let address = by.field("svc web", ".spec.clusterIP")?;
    Ok(format!("http://{address}/"))
}

/// Two control planes over an etcd in the middle of the network, which does not go with either. They speak TLS with it.
fn two_control_planes(net: &TestNet) -> Result<(Etcd, Node, Node)> {
    let etcd = Etcd::in_the_middle(net)?;
    let first = net.node().flags(etcd.flags()).flag(GRACE).start()?;
    let token = first.skiff_does("token control-plane")?;
    let token = format!("--token={}", token.trim());
    let second = net.node().flags(etcd.flags()).flag(GRACE).flag(&token);
    Ok((etcd, first, second.start()?))
}

#[test]
fn e3_a_second_control_plane_takes_over() -> Result<()> {
    let net = TestNet::new()?;
    let (_etcd, first, second) = two_control_planes(&net)?;
    on_machines(vec![first, second], |machines| {
        let [first, second] = machines else {
            unreachable!("two machines are given");
        };
        api_servers_become(second, &[first, second])?;
        node_becomes(first, second.name(), "True")?;
        first.kubectl(&format!("cordon {}", first.name()))?;
        second.kubectl("create deployment web --image=nginx:1.19")?;
        first.pods_ready("app=web", 1)?;

        first.kill9()?;
        second.kubectl("scale deployment web --replicas=3")?;
        second.pods_ready("app=web", 3)?;
        api_servers_become(second, &[second])?;
        for lease in ["kube-scheduler", "kube-controller-manager"] {
            ensure!(leader(second, lease)? == second.name());
        }
        first.up()?;
        first.pods_ready("app=web", 3)?;
        api_servers_become(first, &[first, second])
    })
}

#[test]
#[ignore = "a machine is waited for until it counts as lost: profile long"]
fn e3_nodes_find_another_control_plane() -> Result<()> {
    let net = TestNet::new()?;
    let (etcd, first, second) = two_control_planes(&net)?;
    let stranger = net.node().flags(etcd.flags());
    let stranger = stranger.flag("--token=of-another-cluster");
    let complaint = stranger.prepare()?.refuses()?;
    ensure!(
        complaint.contains("--token is not that of the cluster"),
        "{complaint}"
    );
    let token = first.skiff_does("token create")?;
    let agent = net.node().joining(&first, &token).start()?;

    on_machines(vec![first, second, agent], |machines| {
        let [first, second, agent] = machines else {
            unreachable!("three machines are given");
        };
        for node in [&*first, second, agent] {
            node_becomes(second, node.name(), "True")?;
        }
        api_servers_become(second, &[first, second])?;
        let service = serve_web(second)?;
        ensure!(
            first.field("svc web", ".spec.clusterIP")?
                == second.field("svc web", ".spec.clusterIP")?
        );

        // The machine of all leaders vanishes: connections to it are not even closed.
        first.sh("ip link set eth0 down")?;
        node_becomes(second, first.name(), "Unknown")?;
        api_servers_become(second, &[second])?;
        second.kubectl("scale deployment web --replicas=4")?;
        runs_elsewhere(second, first.name(), 4)?;
        answers_on(agent, &service)?;
        node_becomes(second, agent.name(), "True")?;
        ensure!(leader(second, "kube-controller-manager")? == second.name());

        // It comes back as one of two.
        let gateway = net.gateway();
        first.sh(&format!(
            "ip link set eth0 up && ip route add default via {gateway}"
        ))?;
        node_becomes(first, first.name(), "True")?;
        api_servers_become(first, &[first, second])
    })
}

#[test]
#[ignore = "three machines with etcd each take their time: profile long"]
fn e3_a_control_plane_in_etcd_survives_the_loss_of_a_machine() -> Result<()> {
    let net = TestNet::new()?;
    let mut machines = Vec::new();
    for numbers in [[1, 2, 3], [2, 3, 1], [3, 1, 2]] {
        let in_etcd = format!("--etcd-servers={}", Etcd::urls(&net, &numbers));
        // All are told one token, so none has to be the first.
        let told = "--token=what-all-three-know";
        let options = net.node().flag(&in_etcd).flag(GRACE).flag(told);
        machines.push(options.prepare()?);
    }
    let _members = Etcd::on(&machines)?;
    on_machines(machines, |machines| {
        std::thread::scope(|scope| {
            let starting: Vec<_> = machines
                .iter_mut()
                .map(|machine| scope.spawn(|| machine.up()))
                .collect();
            let mut started = starting.into_iter().map(|it| it.join().expect("no panic"));
            started.try_for_each(|it| it)
        })?;
        let [lost, left, right] = machines else {
            unreachable!("three machines are given");
        };
        let all = [&*lost, left, right];
        for seen_by in all {
            api_servers_become(seen_by, &all)?;
            for node in all {
                node_becomes(seen_by, node.name(), "True")?;
            }
        }
        let service = serve_web(lost)?;
        for machine in all {
            machine.pods_ready("app=web", 3)?;
            answers_on(machine, &service)?;
        }

        let lost_name = lost.name().to_owned();
        net.cut_power(lost)?;
        let (left, right) = (&*left, &*right);
        left.kubectl("scale deployment web --replicas=5")?;
        node_becomes(right, &lost_name, "Unknown")?;
        api_servers_become(right, &[left, right])?;
        runs_elsewhere(right, &lost_name, 5)?;
        for machine in [left, right] {
            answers_on(machine, &service)?;
            machine.kubectl(&format!("create configmap written-on-{}", machine.name()))?;
        }
        for lease in ["kube-scheduler", "kube-controller-manager"] {
            ensure!(leader(left, lease)? != lost_name);
        }
        let maps = "configmap -o name --sort-by=.metadata.name";
        eventually("both machines to show the same", 10, || {
            let [one, other] = [left, right].map(|it| it.kubectl(&format!("get {maps}")));
            let (one, other) = (one?, other?);
            ensure!(
                one == other && one.matches("written-on").count() == 2,
                "{one}{other}"
            );
            Ok(())
        })
    })
}
