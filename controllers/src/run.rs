//! Starts every controller and watches over them.

use anyhow::{Context as _, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use skiff_client::{Clients, Informers};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::{Config, ephemeral_volume, resources};
use crate::{certificates, persistent_volume, role_aggregation, token_secrets, volume_protection};
use crate::{
    cronjob, daemonset, deployment, disruption, endpoints, endpointslice, garbage_collector,
    horizontalpodautoscaler, job, namespace, node_ipam, node_lifecycle, pod_gc, replicaset,
    resourcequota, service_lb, serviceaccount, statefulset, ttl_after_finished,
};
use crate::{endpointslice_mirroring, token_cleaner};

type Controller = BoxFuture<'static, anyhow::Result<()>>;

/// Runs all controllers, each under a ServiceAccount of its own, until `shutdown`, or until one of them fails; then the
/// others are stopped too.
///
/// # Errors
/// The first failure of a controller. A failed reconciliation is none: it is tried again.
pub async fn run(
    config: Config,
    clients: Clients,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let stop = shutdown.child_token();
    let context = Context::new(config, clients, informers, stop.clone());
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
    let c = |account: &str| context.speaking_as(account);
    vec![
        (
            "deployment",
            deployment::run(c("deployment-controller")).boxed(),
        ),
        ("job", job::run(c("job-controller")).boxed()),
        ("cronjob", cronjob::run(c("cronjob-controller")).boxed()),
        (
            "ttl-after-finished",
            ttl_after_finished::run(c("ttl-after-finished-controller")).boxed(),
        ),
        (
            "replicaset",
            replicaset::run(c("replicaset-controller")).boxed(),
        ),
        (
            "replicationcontroller",
            replicaset::run_replication_controllers(c("replication-controller")).boxed(),
        ),
        (
            "daemonset",
            daemonset::run(c("daemon-set-controller")).boxed(),
        ),
        (
            "statefulset",
            statefulset::run(c("statefulset-controller")).boxed(),
        ),
        (
            "endpoints",
            endpoints::run(c("endpoint-controller")).boxed(),
        ),
        (
            "endpointslice",
            endpointslice::run(c("endpointslice-controller")).boxed(),
        ),
        (
            "endpointslicemirroring",
            endpointslice_mirroring::run(c("endpointslicemirroring-controller")).boxed(),
        ),
        (
            "namespace",
            namespace::run(c("namespace-controller"), deletions.clone()).boxed(),
        ),
        (
            "serviceaccount",
            serviceaccount::run(c("service-account-controller")).boxed(),
        ),
        (
            "garbage-collector",
            garbage_collector::run(c("generic-garbage-collector"), deletions).boxed(),
        ),
        (
            "service-lb",
            service_lb::run(c("service-controller")).boxed(),
        ),
        (
            "node-lifecycle",
            node_lifecycle::run(c("node-controller")).boxed(),
        ),
        ("node-ipam", node_ipam::run(c("node-controller")).boxed()),
        (
            "resourcequota",
            resourcequota::run(c("resourcequota-controller")).boxed(),
        ),
        (
            "disruption",
            disruption::run(c("disruption-controller")).boxed(),
        ),
        (
            "horizontal-pod-autoscaler",
            horizontalpodautoscaler::run(c("horizontal-pod-autoscaler")).boxed(),
        ),
        ("pod-gc", pod_gc::run(c("pod-garbage-collector")).boxed()),
        (
            "persistentvolume-binder",
            persistent_volume::run(c("persistent-volume-binder")).boxed(),
        ),
        (
            "certificates",
            certificates::run(c("certificate-controller")).boxed(),
        ),
        ("token-secrets", token_secrets::run(context.clone()).boxed()),
        (
            "token-cleaner",
            token_cleaner::run(c("token-cleaner")).boxed(),
        ),
        (
            "clusterrole-aggregation",
            role_aggregation::run(c("clusterrole-aggregation-controller")).boxed(),
        ),
        (
            "ephemeral-volume",
            ephemeral_volume::run(c("ephemeral-volume-controller")).boxed(),
        ),
        (
            "volume-protection",
            volume_protection::run(c("pvc-protection-controller")).boxed(),
        ),
    ]
}
