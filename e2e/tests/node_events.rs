//! What a node tells of its life, as `kubectl describe node` shows it (scenario B7).

use anyhow::{Result, ensure};
use skiff_e2e::on_a_cluster;

#[test]
fn b7_a_node_tells_how_it_is() -> Result<()> {
    on_a_cluster(|cluster| {
        let node = cluster.name().to_owned();
        let now = |reason: &str| format!("Node {node} status is now: {reason}");
        let conditions = [
            "NodeHasSufficientMemory",
            "NodeHasNoDiskPressure",
            "NodeHasSufficientPID",
            "NodeReady",
        ]
        .map(now);
        let [memory, disk, pids, ready] = &conditions;
        let registered = format!("Node {node} event: Registered Node {node} in Controller");
        cluster.described(
            &format!("node {node}"),
            &[
                "Starting kubelet.",
                "Updated Node Allocatable limit across pods",
                memory,
                disk,
                pids,
                ready,
                &registered,
            ],
        )?;
        let told = cluster.event_reasons(&format!("Node/{node}"))?;
        let place = |reason: &str| told.iter().position(|one| one == reason);
        ensure!(place("Starting") < place("NodeReady"), "{told:?}");

        cluster.kubectl(&format!("cordon {node}"))?;
        let closed = now("NodeNotSchedulable");
        cluster.described(&format!("node {node}"), &[&closed])?;
        cluster.kubectl(&format!("uncordon {node}"))?;
        cluster.described(&format!("node {node}"), &[&now("NodeSchedulable")])
    })
}
