//! Walkthroughs on a kernel of their own, with IPVS and cgroups of version 2, several on one machine: booting one takes a
//! while. Scenarios A6, B6, C1, C4, C7, C9 and E3; they are also walked through in namespaces.

use anyhow::{Context, Result, ensure};
use skiff_e2e::vm::Guest;
use skiff_e2e::walkthroughs::{
    autoscale_on_real_use, clusterip_in_turn, datagrams_follow_and_a_pod_reaches_itself,
    drain_within_the_budget, flushed_rules_come_back, limits_are_cgroup_settings,
    loadbalancer_at_the_node, nodeport, one_port_two_addresses, pods_reach_each_other,
};
use skiff_e2e::{TestNet, eventually};

#[test]
fn services_over_ipvs() -> Result<()> {
    on_a_machine(|machine, net| {
        clusterip_in_turn(machine).context("C1")?;
        nodeport(machine, net.router()).context("C4, NodePort")?;
        loadbalancer_at_the_node(machine, net.router()).context("C4, LoadBalancer")?;
        datagrams_follow_and_a_pod_reaches_itself(machine).context("C9, datagrams")?;
        one_port_two_addresses(machine, net.router()).context("C9, addresses")?;
        flushed_rules_come_back(machine).context("C9, rules")
    })
}

#[test]
fn resources_in_cgroups_of_version_2() -> Result<()> {
    on_a_machine(|machine, _| {
        machine.inside("test -e /sys/fs/cgroup/cgroup.controllers")?;
        limits_are_cgroup_settings(machine).context("A6")?;
        autoscale_on_real_use(machine).context("B6, autoscaling")?;
        drain_within_the_budget(machine).context("B6, drain")
    })
}

#[test]
fn three_machines_are_one_cluster() -> Result<()> {
    let net = TestNet::new()?;
    let boot = || Guest::boot(&net);
    let (mut first, mut second, mut third) = (boot()?, boot()?, boot()?);
    first.up(&["--proxy-mode=ipvs", "--node-monitor-grace-period=20s"])?;
    second.join(&first)?;
    third.join(&first)?;
    let logs = || format!("{}\n{}\n{}", first.log(), second.log(), third.log());
    pods_reach_each_other(&first, [&second, &third]).with_context(logs)?;
    drop(third);
    a_lost_machine_gets_no_requests(&first, &second).with_context(|| first.log())
}

/// Brings a cluster up on a machine with the proxy in IPVS.
fn on_a_machine(walk: impl FnOnce(&Guest<'_>, &TestNet) -> Result<()>) -> Result<()> {
    let net = TestNet::new()?;
    let mut machine = Guest::boot(&net)?;
    machine.up(&["--proxy-mode=ipvs"])?;
    walk(&machine, &net).with_context(|| machine.log())
}

/// `third` lost its power.
fn a_lost_machine_gets_no_requests(first: &Guest<'_>, second: &Guest<'_>) -> Result<()> {
    let ready = ".status.conditions[?(@.type==\"Ready\")].status";
    first.field_becomes("node node-3", ready, "Unknown", 120)?;
    let service = format!("http://{}:30002/hostname.html", second.address());
    eventually("requests to be answered by those that are left", 60, || {
        let answers = (0..6).map(|_| second.inside(&format!("wget -q -T 5 -t 1 -O - {service}")));
        let answers = answers.collect::<Result<String>>()?;
        ensure!(!answers.contains("web-3"), "{answers}");
        Ok(())
    })
}
