//! The test house itself: a virtual machine is on the test's network and has what a node needs.

use anyhow::{Result, ensure};
use skiff_e2e::TestNet;
use skiff_e2e::vm::Guest;

#[test]
fn a_machine_boots_with_ipvs_and_runs_containerd() -> Result<()> {
    let net = TestNet::new()?;
    let machine = Guest::boot(&net)?;
    let table = machine.inside("ipvsadm -A -t 10.96.0.9:80 -s rr && ipvsadm -Ln")?;
    ensure!(table.contains("TCP  10.96.0.9:80 rr"), "{table}");
    machine.inside("nft add table ip x && nft list tables && iptables -t nat -L -n")?;
    machine
        .inside("test -e /sys/fs/cgroup/cgroup.controllers && runc --version && skiff --version")?;
    machine.inside(&format!("wget -q -O - {}/v2/", net.registry_url()))?;
    machine.inside("containerd > /var/log/containerd.log 2>&1 & for i in $(seq 60); do ctr version && break; sleep 0.5; done; ctr version")?;
    Ok(())
}
