use std::path::Path;
use std::sync::Arc;

use kube::Client;
use skiff_client::{Informers, recorder};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Paths};
use crate::host::Host;
use crate::images::Collector;
use crate::logs::{RotationPolicy, rotate_logs};
use crate::machine::Machine;
use crate::objects::Objects;
use crate::pods::{Context, Manager, Resolvers, parse_resolv_conf};
use crate::runtime::{Runtime, cgroup_parent};
use crate::tokens::Tokens;
use crate::{eviction, node, provisioner, server};

/// Runs the kubelet of a node until `shutdown`. Containers run on when it ends, and are taken over when it starts again.
///
/// # Errors
/// If an address is taken, a certificate is none, the Pod network cannot be set up, or the runtime is gone for good.
pub async fn run<R: Runtime>(
    config: Config,
    runtime: Arc<R>,
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(&config.data_dir).await?;
    let (recorder, recording) = recorder(client.clone(), "kubelet", Some(&config.node_name));
    let machine = Machine::look(&config.data_dir);
    let host = Host {
        paths: Paths::new(&config.data_dir),
        cgroup_parent: cgroup_parent(&config.data_dir),
        allocatable: node::allocatable(&machine, config.max_pods),
        resolvers: resolvers(&config).await,
        objects: Objects::new(client, &informers),
        tokens: Tokens::default(),
        recorder,
        machine,
        config,
    };
    let (network, is_ready) = watch::channel(false);
    let (pressure, pressed) = watch::channel(eviction::first_look(&host.config));
    let context = Arc::new(Context::new(host, runtime.clone(), is_ready, pressed));
    let manager = Manager::new(context.clone(), &informers);
    let pods = manager.pods();
    let (collector, images) = Collector::new(context.clone());
    let orders = manager.orders();
    let part = shutdown.child_token();
    let mut parts = JoinSet::new();
    parts.spawn(manager.run(part.clone()));
    let (config, client) = (
        context.host.config.clone(),
        context.host.objects.client.clone(),
    );
    parts.spawn(provisioner::run(
        config,
        client,
        informers.clone(),
        part.clone(),
    ));
    parts.spawn(node::run(context.clone(), informers, network, part.clone()));
    parts.spawn(unfailing(collector.run(part.clone())));
    parts.spawn(unfailing(eviction::run(
        context.clone(),
        pods.clone(),
        orders,
        images,
        pressure,
        part.clone(),
    )));
    parts.spawn(server::run(context, pods, part.clone()));
    let rotating = rotate_logs(runtime, RotationPolicy::default(), part.clone());
    parts.spawn(async move { Ok(rotating.await?) });
    parts.spawn(unfailing(recording.run(part.clone())));
    until_all_end(parts, &part).await
}

/// Waits until all parts have ended. When one ends by itself, the others do too.
async fn until_all_end(
    mut parts: JoinSet<anyhow::Result<()>>,
    part: &CancellationToken,
) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(ended) = parts.join_next().await {
        let ended = ended.unwrap_or_else(|panic| Err(panic.into()));
        if ended.is_err() && result.is_ok() {
            result = ended;
        }
        part.cancel();
    }
    result
}

async fn unfailing(work: impl Future<Output = ()>) -> anyhow::Result<()> {
    work.await;
    Ok(())
}

async fn resolvers(config: &Config) -> Resolvers {
    let path = config
        .resolv_conf
        .as_deref()
        .unwrap_or(Path::new("/etc/resolv.conf"));
    let host = tokio::fs::read_to_string(path).await.unwrap_or_default();
    Resolvers {
        cluster_dns: config.cluster_dns,
        cluster_domain: config.cluster_domain.clone(),
        host: parse_resolv_conf(&host),
    }
}
