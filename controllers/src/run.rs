//! Starts every controller and watches over them.

use anyhow::{Context as _, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use skiff_client::Informers;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::{Config, resources};
use crate::{
    deployment, endpoints, endpointslice, garbage_collector, namespace, node_ipam, node_lifecycle,
    pod_gc, replicaset, resourcequota, serviceaccount, statefulset,
};
use crate::{persistent_volume, volume_protection};

type Controller = BoxFuture<'static, anyhow::Result<()>>;

/// Runs all controllers until `shutdown`, or until one of them fails; then the others are stopped too.
///
/// # Errors
/// The first failure of a controller. A failed reconciliation is none: it is tried again.
pub async fn run(
    config: Config,
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let stop = shutdown.child_token();
    let context = Context::new(config, client, informers, stop.clone());
    let mut running = JoinSet::new();
    for (name, controller) in controllers(&context) {
        running.spawn(async move { (name, controller.await) });
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        let outcome = match ended {
            Ok((name, outcome)) => settle(name, outcome, stop.is_cancelled()),
            Err(panicked) => Err(panicked).context("a controller panicked"),
        };
        result = result.and(outcome);
        stop.cancel();
    }
    result
}

fn settle(name: &str, outcome: anyhow::Result<()>, stopping: bool) -> anyhow::Result<()> {
    outcome.with_context(|| format!("{name} controller"))?;
    if !stopping {
        bail!("{name} controller ended by itself");
    }
    Ok(())
}

fn controllers(context: &Context) -> Vec<(&'static str, Controller)> {
    let deletions = resources::Deletions::default();
    let c = || context.clone();
    vec![
        ("deployment", deployment::run(c()).boxed()),
        ("replicaset", replicaset::run(c()).boxed()),
        ("statefulset", statefulset::run(c()).boxed()),
        ("endpoints", endpoints::run(c()).boxed()),
        ("endpointslice", endpointslice::run(c()).boxed()),
        ("namespace", namespace::run(c(), deletions.clone()).boxed()),
        ("serviceaccount", serviceaccount::run(c()).boxed()),
        (
            "garbage-collector",
            garbage_collector::run(c(), deletions).boxed(),
        ),
        ("node-lifecycle", node_lifecycle::run(c()).boxed()),
        ("node-ipam", node_ipam::run(c()).boxed()),
        ("resourcequota", resourcequota::run(c()).boxed()),
        ("pod-gc", pod_gc::run(c()).boxed()),
        (
            "persistentvolume-binder",
            persistent_volume::run(c()).boxed(),
        ),
        ("volume-protection", volume_protection::run(c()).boxed()),
    ]
}
