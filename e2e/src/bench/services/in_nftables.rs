//! Ten thousand Services in nftables.

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::changes::{Changes, change, spread};
use super::clocks::Offset;
use super::filling::fill;
use super::first_packet::{Answering, Connecting};
use super::nft::ByHand;
use super::start;
use crate::Cluster;
use crate::bench::client::ApiServer;
use crate::bench::inside::Inside;
use crate::bench::options::Load;
use crate::bench::report::{Row, Target, Unit};
use crate::bench::space::Space;
use crate::bench::statistics::{median, milliseconds};
use crate::bench::tell;

/// How many Services are few.
const FEW: u32 = 10;
/// How many change, one in each pause.
const CHANGES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(100);
/// The port of the node behind the Service that answers.
const PORT: u16 = 8080;
/// The milliseconds that a change shall take at most.
const TARGET_P50_MS: f64 = 20.0;
const TARGET_P99_MS: f64 = 100.0;
/// How many times what a Service costs a connection among few it shall cost at most among many: the same, but for noise.
const TARGET_FLAT: f64 = 1.2;

/// What was found with skiff running.
struct Found {
    few: Connecting,
    many: Connecting,
    filled_ms: f64,
    changes: Changes,
}

/// Fills a cluster of its own with Services and changes some of them.
pub(in crate::bench) fn measure(load: &Load) -> Result<Vec<Row>> {
    let mut cluster = Cluster::start(&["--proxy-mode=nftables"])?;
    let inside = Inside::of(cluster.namespace())?;
    let kubeconfig = cluster.home().join("kubeconfig");
    let server = ApiServer::from_kubeconfig(&kubeconfig, load.protocol)?;
    let at = SocketAddrV4::new(cluster.address(), PORT);
    let (answering, found) = inside.run(while_it_runs(server, at, load.clone()))?;
    tell("services, by hand");
    let by_hand = ByHand::measure(cluster.namespace(), cluster.home(), load.rounds)?;
    let mut started_ms = Vec::new();
    for round in 1..=load.rounds {
        tell(&format!("services, start {round} of {}", load.rounds));
        started_ms.push(start::measure(&mut cluster, &inside, answering.service)?);
    }
    Ok(rows(load.services, &found, &by_hand, &started_ms))
}

async fn while_it_runs(
    server: ApiServer,
    at: SocketAddrV4,
    load: Load,
) -> Result<(Answering, Found)> {
    let space = Space::create(&server, "services").await?;
    let answering = Answering::make(&server, &space, at).await?;
    fill(&server, &space, 0..FEW).await?;
    tell(&format!("services, connecting with {FEW}"));
    let few = answering.connect(load.rounds).await?;
    tell(&format!("services, filling with {}", load.services));
    let began = Instant::now();
    fill(&server, &space, FEW..load.services).await?;
    let filled_ms = milliseconds(began.elapsed());
    tell(&format!("services, connecting with {}", load.services));
    let many = answering.connect(load.rounds).await?;
    tell("services, changing");
    let changed = spread(CHANGES, load.services);
    let changes = change(&server, &space, &changed, PAUSE, Offset::default()).await?;
    Ok((
        answering,
        Found {
            few,
            many,
            filled_ms,
            changes,
        },
    ))
}

fn rows(services: u32, found: &Found, by_hand: &ByHand, started_ms: &[f64]) -> Vec<Row> {
    let change = |figure: &str, share, target| {
        let value = found.changes.in_kernel.percentile_ms(share);
        Row::of_one(
            format!("change of an endpoint until in the kernel, {figure}"),
            Unit::Milliseconds,
            value,
        )
        .target(Target::AtMost(target))
        .beside("one element by nft", by_hand.change_ms)
    };
    let connecting = |count: u32, found: &Connecting| {
        Row::of_rounds(
            format!("first packet with {count} Services"),
            Unit::Milliseconds,
            &found.by_service_ms,
        )
        .beside("without Service", median(&found.directly_ms))
    };
    let flat = found.many.ratio() / found.few.ratio();
    vec![
        change("p50", 0.5, TARGET_P50_MS),
        change("p99", 0.99, TARGET_P99_MS),
        found.changes.answered.row("of it the API server's answer"),
        connecting(FEW, &found.few),
        connecting(services, &found.many),
        Row::of_one("its cost to that with few", Unit::Ratio, flat)
            .target(Target::AtMost(TARGET_FLAT)),
        Row::of_one(
            format!("{services} Services created until in the kernel"),
            Unit::Milliseconds,
            found.filled_ms,
        ),
        Row::of_rounds(
            format!("start until {services} Services are in the kernel"),
            Unit::Milliseconds,
            started_ms,
        )
        .beside("the table by nft", by_hand.load_ms),
    ]
}
