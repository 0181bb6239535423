//! The server: sockets, caches, upstreams.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use hickory_server::Server;
use skiff_client::{Informers, api_servers};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::config::Config;
use crate::forward::Forwarder;
use crate::handler::Handler;
use crate::publish;
use crate::resolv_conf::upstreams;

/// How long a TCP connection may say nothing.
const IDLE: Duration = Duration::from_secs(10);
/// Answers that may wait to be sent on one TCP connection.
const WAITING: usize = 32;

/// Answers queries until `shutdown`.
///
/// # Errors
/// If the address is taken, or the resolv.conf cannot be read.
pub async fn run(
    config: Config,
    client: kube::Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let handler = Handler {
        cluster: Cluster::new(&informers, &config.cluster_domain),
        forwarder: Forwarder::new(read_upstreams(&config)?),
    };
    let mut server = Server::new(handler);
    let listening = || format!("cluster DNS: listen on {}", config.listen);
    server.register_socket(
        UdpSocket::bind(config.listen)
            .await
            .with_context(listening)?,
    );
    server.register_listener(
        TcpListener::bind(config.listen)
            .await
            .with_context(listening)?,
        IDLE,
        WAITING,
    );
    let published = publish::keep(&config, &client, api_servers(&informers));
    shutdown.run_until_cancelled(published).await;
    server
        .shutdown_gracefully()
        .await
        .context("end cluster DNS")
}

fn read_upstreams(config: &Config) -> anyhow::Result<Vec<SocketAddr>> {
    let Some(file) = &config.resolv_conf else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let found = upstreams(
        &text,
        &[SocketAddr::new(config.cluster_dns, 53), config.listen],
    );
    if found.is_empty() {
        tracing::warn!(file = %file.display(), "no upstream: only names of the cluster can be resolved");
    }
    Ok(found)
}
