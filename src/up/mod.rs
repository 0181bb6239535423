//! `skiff up`: composes the cluster, step by step, and takes it down again.

mod limits;
mod ready;
pub(crate) mod signals;
mod steps;
mod store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use kube::Client;
use skiff_apiserver::ApiServer;
use skiff_kubelet::Containerd;
use skiff_store::Store;
use tokio::net::TcpListener;

use crate::cluster_config;
use crate::components::{self, Components};
use crate::config::{NodeSettings, Settings};
use crate::containerd::ContainerRuntime;
use crate::data_dir::DataDir;
use crate::kubeconfig;
use crate::pki::Pki;
use crate::token::control_plane;

pub(crate) use limits::raise_open_files;
pub(crate) use ready::is_ready;
pub(crate) use steps::Steps;

/// How long components may take to end, all together.
const DRAIN: Duration = Duration::from_secs(10);
/// How long containers may take to end, when Pods are stopped with skiff.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Brings the cluster up, says so, and stays until a signal or a failure ends it.
///
/// # Errors
/// If a step fails, or later a component; what was started is stopped first.
pub(crate) async fn up(settings: Settings) -> anyhow::Result<()> {
    let steps = Steps::start();
    raise_open_files();
    let data = DataDir::hold(&settings.node.data_dir)?;
    ensure!(
        !data.join(kubeconfig::NODE).exists(),
        "{} is that of a machine that joined a cluster, which `skiff agent` starts",
        settings.node.data_dir.display()
    );
    check_place_of_state(&settings, &data)?;
    // Taken before anything is written: a port in use changes nothing.
    let listener = listen(settings.bind).await?;
    let stop_asked = signals::stop_asked()?;
    // The longest step, so it runs beside the others.
    let mut runtime = ContainerRuntime::start(&settings.node)?;
    let lived = with_store(&settings, &data, listener, &mut runtime, steps, stop_asked).await;
    runtime.stop().await;
    lived
}

/// Refuses to begin another cluster where there is one whose state is elsewhere.
fn check_place_of_state(settings: &Settings, data: &DataDir) -> anyhow::Result<()> {
    let dir = settings.node.data_dir.display();
    let in_etcd = settings.etcd.is_some();
    ensure!(
        !(in_etcd && data.join("store").exists()),
        "--etcd-servers: the state of the cluster in {dir} is there; name another --data-dir to begin one in etcd"
    );
    ensure!(
        in_etcd || !data.join(control_plane::FILE).exists(),
        "--etcd-servers is missing: the state of the cluster in {dir} is in etcd"
    );
    Ok(())
}

/// Opens the store, and closes it whatever happens: an unclean store costs a check at the next start.
async fn with_store(
    settings: &Settings,
    data: &DataDir,
    listener: TcpListener,
    runtime: &mut ContainerRuntime,
    mut steps: Steps,
    stop_asked: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::pin!(stop_asked);
    // Cancel-safe: who does not wait for etcd any more has opened nothing.
    let store = tokio::select! {
        store = steps.step_async("store", store::open(settings, data)) => store?,
        () = &mut stop_asked => return Ok(()),
    };
    let lived = with_server(
        settings, data, &store, listener, runtime, &mut steps, stop_asked,
    )
    .await;
    store.close().await;
    lived
}

/// Runs all that needs the store.
async fn with_server(
    settings: &Settings,
    data: &DataDir,
    store: &Store,
    listener: TcpListener,
    runtime: &mut ContainerRuntime,
    steps: &mut Steps,
    stop_asked: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let pki = steps.step_async("certificates", certificates(settings, data, store));
    let pki = Arc::new(pki.await?);
    kubeconfig::write(settings, &pki)?;
    cluster_config::remember(&settings.node.data_dir, &settings.cluster)?;
    let server = ApiServer::new(components::apiserver_config(settings, &pki), store.clone());
    let server = steps
        .step_async("API server", async { Ok(server.await?) })
        .await?;
    let containerd = steps.step_async("containerd", runtime.ready()).await?;
    let client = components::client_of_informers(&server);
    let own = components::client_of_skiff(&server);
    if settings.etcd.is_some() {
        cluster_config::agree(own.clone(), &settings.cluster).await?;
    }
    cluster_config::publish(own, &settings.cluster).await?;
    let mut components = Components::new();
    let parts = components.start_control_plane(settings, &pki, &server, listener)?;
    components.start_node(&settings.node, &settings.cluster, parts, containerd.clone());
    let tell = |steps: &Steps| steps.ready(&settings.kubeconfig);
    let node = &settings.node;
    let lived = live(client, node, &mut components, steps, tell, stop_asked).await;
    server.announce_end();
    wind_up(components, node, &containerd, lived).await
}

/// The cluster's certificates; with several control planes, by the authorities that they share.
async fn certificates(settings: &Settings, data: &DataDir, store: &Store) -> anyhow::Result<Pki> {
    if let Some(etcd) = &settings.etcd {
        control_plane::join(store, data, etcd.token.as_deref()).await?;
    }
    Pki::ensure(&data.join("pki"), settings)
}

/// Waits until the node is ready, tells so, then until the end: a signal or a component that failed.
pub(crate) async fn live(
    client: Client,
    node: &NodeSettings,
    components: &mut Components,
    steps: &mut Steps,
    tell: impl FnOnce(&Steps),
    stop_asked: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let node_ready = ready::node_ready(client, &node.node_name, steps.started_at());
    tokio::pin!(stop_asked);
    tokio::select! {
        ready = steps.step_async("node", node_ready) => ready?,
        failed = components.failed() => return Err(failed),
        () = &mut stop_asked => return Ok(()),
    }
    tell(steps);
    tokio::select! {
        failed = components.failed() => Err(failed),
        () = stop_asked => Ok(()),
    }
}

/// Ends the components and, if that is wanted, the Pods; `lived` is how it came to that.
pub(crate) async fn wind_up(
    components: Components,
    node: &NodeSettings,
    containerd: &Arc<Containerd>,
    lived: anyhow::Result<()>,
) -> anyhow::Result<()> {
    let drained = components.stop(DRAIN).await;
    lived.and(drained)?;
    // After the kubelet, which would start them again.
    match node.stop_pods {
        true => skiff_kubelet::stop_all_pods(&**containerd, GRACE)
            .await
            .context("stop the Pods"),
        false => Ok(()),
    }
}

async fn listen(bind: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(bind)
        .await
        .with_context(|| format!("listen on --bind {bind}"))
}
