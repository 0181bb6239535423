//! `skiff simulate`: a thousand nodes on a laptop.

use anyhow::Context;
use skiff_client::Informers;
use skiff_kubelet::{SIMULATED_LABEL, Simulation};
use tokio_util::sync::CancellationToken;

use crate::cli::SimulateArgs;
use crate::kubeconfig;
use crate::up::signals;

/// Simulates nodes until a signal; they stay as lost ones.
///
/// # Errors
/// If the cluster cannot be reached, or refuses a node.
pub(crate) async fn simulate(args: SimulateArgs) -> anyhow::Result<()> {
    let stop_asked = signals::stop_asked()?;
    let own = kubeconfig::of(&args.at.data_dir);
    let kubeconfig = args.kubeconfig.as_deref().unwrap_or(&own);
    let client = skiff_client::from_kubeconfig(kubeconfig, "skiff-simulate").await?;
    // One who cannot reach the cluster is told, and does not wait for ever.
    client
        .apiserver_version()
        .await
        .context("reach the cluster")?;
    let simulation = Simulation {
        nodes: args.nodes,
        name_prefix: args.name_prefix,
        labels: args.labels.into_iter().collect(),
        taints: args.taints,
        cpus: args.cpus,
        memory_bytes: args.memory.value(),
        max_pods: args.max_pods,
        run_for: args.run_for.unsigned_abs(),
    };
    let shutdown = CancellationToken::new();
    let informers = Informers::new(client.clone(), shutdown.clone());
    let work = skiff_kubelet::simulate(simulation, client, informers, tell, shutdown.clone());
    tokio::pin!(work);
    tokio::select! {
        ended = &mut work => return ended,
        () = stop_asked => shutdown.cancel(),
    }
    work.await
}

fn tell(nodes: usize) {
    say!(
        "{nodes} nodes are simulated until Ctrl-C; they stay NotReady then\n  \
         kubectl get nodes -l {SIMULATED_LABEL}\n  kubectl delete nodes -l {SIMULATED_LABEL}"
    );
}
