//! What a Service adds to a connection: its first packet goes through the rules.

use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};

use super::filling::slices;
use super::objects::{service, slice_of};
use crate::bench::client::ApiServer;
use crate::bench::space::Space;
use crate::bench::statistics::{Samples, median};

/// The name of the Service that answers.
const NAME: &str = "answering";
/// How many connections a round has.
const CONNECTIONS: u32 = 300;
/// Bounds one connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// A listener on a node, and a Service in front of it.
pub(super) struct Answering {
    /// Where the Service is.
    pub(super) service: SocketAddrV4,
    directly: SocketAddrV4,
    /// Takes connections, and ends them; ends with this.
    _listener: JoinSet<()>,
}

/// The median times of connections, one each round.
#[derive(Debug, Default)]
pub(super) struct Connecting {
    pub(super) by_service_ms: Vec<f64>,
    pub(super) directly_ms: Vec<f64>,
}

impl Connecting {
    /// How many times a direct connection's one by the Service takes: what disturbs the machine meets both of a round.
    pub(super) fn ratio(&self) -> f64 {
        let pairs = self.by_service_ms.iter().zip(&self.directly_ms);
        let ratios: Vec<f64> = pairs
            .map(|(service, directly)| service / directly)
            .collect();
        median(&ratios)
    }
}

impl Answering {
    /// Listens at an address of the node, and makes the Service.
    pub(super) async fn make(
        server: &ApiServer,
        space: &Space,
        directly: SocketAddrV4,
    ) -> Result<Self> {
        let listener = TcpListener::bind(directly).await?;
        let mut listening = JoinSet::new();
        listening.spawn(async move { while listener.accept().await.is_ok() {} });
        let mut connection = server.connect().await?;
        let made = connection
            .create(&space.path("services"), service(NAME))
            .await?;
        let made: Value = serde_json::from_slice(&made)?;
        let address = made["spec"]["clusterIP"].as_str();
        let address = address.context("a Service has an address")?.parse()?;
        let slice = slice_of(NAME, &[*directly.ip()], directly.port());
        connection.create(&slices(space), slice).await?;
        Ok(Self {
            service: SocketAddrV4::new(address, 80),
            directly,
            _listener: listening,
        })
    }

    /// Connects many times, by the Service and directly in turn, in each of so many rounds.
    pub(super) async fn connect(&self, rounds: u32) -> Result<Connecting> {
        let (service, directly) = (self.service, self.directly);
        let connecting = spawn_blocking(move || {
            let mut found = Connecting::default();
            for _ in 0..rounds {
                let (mut by_service, mut direct) = (Vec::new(), Vec::new());
                for _ in 0..CONNECTIONS {
                    by_service.push(time_to_connect(service)?);
                    direct.push(time_to_connect(directly)?);
                }
                let p50 = |all: Vec<Duration>| Samples::from_iter(all).percentile_ms(0.5);
                found.by_service_ms.push(p50(by_service));
                found.directly_ms.push(p50(direct));
            }
            Ok(found)
        });
        connecting.await?
    }
}

fn time_to_connect(to: SocketAddrV4) -> Result<Duration> {
    let began = Instant::now();
    TcpStream::connect_timeout(&to.into(), CONNECTED_WITHIN)
        .with_context(|| format!("connect to {to}"))?;
    Ok(began.elapsed())
}
