//! `skiff up`: composes the cluster, step by step, and takes it down again.

mod components;
mod ready;
mod signals;
mod steps;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use skiff_apiserver::ApiServer;
use skiff_kubelet::{Containerd, ContainerdConfig, ContainerdProcess, Runtime};
use skiff_store::{SledEngine, SledOptions, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::data_dir::DataDir;
use crate::pki::Pki;
use components::Components;
use steps::Steps;

pub(crate) use ready::is_ready;

/// How long components may take to end, all together.
const DRAIN: Duration = Duration::from_secs(10);
/// How long containers may take to end, when Pods are stopped with skiff.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Brings the cluster up, says so, and stays until a signal or a failure ends it.
///
/// # Errors
/// If a step fails, or later a component; what was started is stopped first.
pub(crate) async fn up(settings: Settings) -> anyhow::Result<()> {
    let mut steps = Steps::start();
    let data = DataDir::hold(&settings.data_dir)?;
    // Taken before anything is written: a port in use changes nothing.
    let listener = listen(settings.bind).await?;
    let pki = steps.step("certificates", || Pki::ensure(&data.join("pki"), &settings))?;
    crate::kubeconfig::write(&settings, &pki)?;
    let stop_asked = signals::stop_asked()?;
    let containerd = ContainerRuntime::start(&settings);
    let store = steps.step("store", || open_store(&data))?;
    let server = ApiServer::new(components::apiserver_config(&settings, &pki), store.clone());
    let server = steps
        .step_async("API server", async { Ok(server.await?) })
        .await?;
    let containerd = steps.step_async("containerd", containerd).await?;

    let shutdown = CancellationToken::new();
    let mut components = Components::new(&shutdown);
    components.start_all(
        &settings,
        &pki,
        &server,
        listener,
        containerd.runtime.clone(),
    )?;
    let lived = live(&settings, &server, &mut components, &mut steps, stop_asked).await;

    let drained = components.stop(DRAIN).await;
    // After the kubelet, which would start them again.
    let stopped = match settings.stop_pods && lived.is_ok() {
        true => skiff_kubelet::stop_all_pods(&*containerd.runtime, GRACE).await,
        false => Ok(()),
    };
    containerd.stop().await;
    store.close().await;
    lived.and(drained).and(stopped.context("stop the Pods"))
}

/// Waits until the node is ready, says so, then until the end: a signal or a component that failed.
async fn live(
    settings: &Settings,
    server: &ApiServer,
    components: &mut Components,
    steps: &mut Steps,
    stop_asked: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let node_ready = ready::node_ready(components::client_of_skiff(server), &settings.node_name);
    tokio::pin!(stop_asked);
    tokio::select! {
        ready = steps.step_async("node", node_ready) => ready?,
        failed = components.failed() => return Err(failed),
        () = &mut stop_asked => return Ok(()),
    }
    steps.ready(&settings.kubeconfig);
    tokio::select! {
        failed = components.failed() => Err(failed),
        () = stop_asked => Ok(()),
    }
}

async fn listen(bind: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(bind)
        .await
        .with_context(|| format!("listen on --bind {bind}"))
}

fn open_store(data: &DataDir) -> anyhow::Result<Store> {
    let dir = data.join("store");
    let engine = SledEngine::open(&dir, SledOptions::default())
        .with_context(|| format!("open the store {}", dir.display()))?;
    Store::open(Box::new(engine), skiff_store::Options::default()).context("load the store")
}

/// containerd, skiff's own or the one that the user named.
struct ContainerRuntime {
    runtime: Arc<Containerd>,
    own: Option<ContainerdProcess>,
}

impl ContainerRuntime {
    async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let (own, socket) = match &settings.containerd {
            Some(named) => (None, named.clone()),
            None => {
                let config = containerd_config(settings);
                let own = ContainerdProcess::start(config)
                    .await
                    .context("start containerd")?;
                let socket = own.socket().to_owned();
                (Some(own), socket)
            }
        };
        let runtime = Containerd::connect(&socket, &settings.data_dir);
        runtime
            .version()
            .await
            .with_context(|| format!("reach containerd at {}", socket.display()))?;
        Ok(Self {
            runtime: Arc::new(runtime),
            own,
        })
    }

    /// Stops skiff's own containerd; what runs in containers lives on.
    async fn stop(self) {
        if let Some(own) = self.own {
            own.stop().await;
        }
    }
}

fn containerd_config(settings: &Settings) -> ContainerdConfig {
    let mut config = ContainerdConfig::new(&settings.data_dir);
    config.mirrors = settings
        .registry_mirrors
        .iter()
        .map(|mirror| (mirror.registry.clone(), mirror.url.clone()))
        .collect();
    config
}
