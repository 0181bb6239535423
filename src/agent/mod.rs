//! `skiff agent`: this machine becomes a node of a cluster whose control plane is elsewhere.
//!
//! ```text
//!   token ─► CA, by its hash ─► certificates ─► kubelet.kubeconfig ─► the cluster's settings ─► kubelet, proxy
//!            └── the first time alone ──────────┘
//! ```

mod join;
mod member;
mod pinned;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use kube::Client;
use skiff_client::{Informers, api_servers};

use crate::cluster_config;
use crate::components::{Components, NodeParts};
use crate::config::{AgentSettings, ClusterSettings};
use crate::containerd::ContainerRuntime;
use crate::data_dir::DataDir;
use crate::kubeconfig;
use crate::up::{self, Steps, signals};
use join::Joined;
use member::Member;

/// Pauses between looks for a server that does not answer: from the first, doubling, to the last.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Joins, or takes up what was joined before, and stays until a signal or a failure ends it.
///
/// # Errors
/// If a step fails, or later a component; what was started is stopped first.
pub(crate) async fn agent(settings: AgentSettings) -> anyhow::Result<()> {
    let mut steps = Steps::start();
    up::raise_open_files();
    let node = &settings.node;
    let data = DataDir::hold(&node.data_dir)?;
    ensure!(
        !data.join(kubeconfig::ADMIN).exists(),
        "{} holds a control plane, which `skiff up` starts",
        node.data_dir.display()
    );
    let mut stop_asked = Box::pin(signals::stop_asked()?);
    // Before containerd: who cannot join leaves nothing running.
    let joined = steps
        .step_async("join", join::ensure(&settings))
        .await
        .with_context(|| format!("join as {}", node.node_name))?;
    let mut runtime = ContainerRuntime::start(node)?;
    let lived = tokio::select! {
        lived = serve(&settings, joined, &mut runtime, &mut steps) => lived,
        () = &mut stop_asked => Ok(None),
    };
    let lived = match lived {
        Ok(Some((mut components, client, containerd))) => {
            let told = settings.node.node_name.clone();
            let tell = move |steps: &Steps| steps.joined(&told);
            let lived = up::live(client, node, &mut components, &mut steps, tell, stop_asked).await;
            up::wind_up(components, node, &containerd, lived).await
        }
        lived => lived.map(drop),
    };
    runtime.stop().await;
    lived
}

type Serving = (Components, Client, Arc<skiff_kubelet::Containerd>);

/// Starts the node's components, as soon as the server tells what the cluster agreed on.
async fn serve(
    settings: &AgentSettings,
    joined: Joined,
    runtime: &mut ContainerRuntime,
    steps: &mut Steps,
) -> anyhow::Result<Option<Serving>> {
    let node = &settings.node;
    let is_new = joined.is_new;
    let member = Member::new(node, joined).await?;
    let client = member.client();
    let servers = member.shown_servers();
    let read = read_settings(&client, &servers, is_new);
    let cluster = steps.step_async("API server", read).await?;
    cluster_config::remember(&node.data_dir, &cluster)?;
    // Before anything calls the kubelet, for its address may be another one than before.
    let due = member.renew_if_due().await?;
    let containerd = steps.step_async("containerd", runtime.ready()).await?;
    let mut components = Components::new();
    let parts = NodeParts {
        kubelet: client.clone(),
        proxy: client.clone(),
        informers: Informers::new(client.clone(), components.clients()),
        role: None,
        listen: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        tls: member.serving(),
        ca_pem: member.ca_pem().to_owned(),
    };
    let member = Arc::new(member);
    let (following, live) = (Arc::clone(&member), api_servers(&parts.informers));
    let until = components.clients();
    components.start(
        "API servers",
        async move { following.follow(live, until).await },
    );
    components.keep_fresh(due, move || {
        let member = Arc::clone(&member);
        async move { member.renew().await }
    });
    components.start_node(node, &cluster, parts, containerd.clone());
    Ok(Some((components, client, containerd)))
}

/// A machine that joined before waits for its server as long as it takes, for its Pods run on; a new one tells its user.
async fn read_settings(
    client: &Client,
    server: &str,
    is_new: bool,
) -> anyhow::Result<ClusterSettings> {
    let (mut pause, longest) = LOOK_AGAIN;
    loop {
        match cluster_config::read(client.clone()).await {
            Ok(settings) => return settings,
            Err(error @ kube::Error::Api(_)) => {
                return Err(error).context("the cluster's settings");
            }
            Err(error) if is_new => {
                return Err(error).with_context(|| format!("reach the server {server}"));
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(server, error, "the server does not answer, waiting on");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}
