//! The list of many Pods, to its last byte.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{ApiServer, Connection};
use super::filling::fill;
use super::objects::Mould;
use super::options::Load;
use super::report::{Row, Target, Unit};
use super::space::Space;
use super::statistics::{Samples, median};
use super::tell;

/// How often each round lists.
const LISTS: u32 = 10;
/// The scheduler writes to each new Pod: it is done when nothing changed for so long.
const QUIET: Duration = Duration::from_secs(2);
/// Bounds the wait for that.
const QUIET_WITHIN: Duration = Duration::from_secs(180);
/// The milliseconds that a list of 5,000 Pods shall take at most.
const TARGET_MS: f64 = 30.0;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Creates Pods that fit on no node and measures their list.
pub(super) async fn measure(server: ApiServer, load: Load) -> Result<Vec<Row>> {
    tell(&format!("lists, creating {} Pods", load.listed));
    let space = Space::create(&server, "lists").await?;
    let mould = Mould::pending_pod();
    let path = space.path("pods");
    let pod = move |number| mould.named(&format!("frontend-6d4cf56db6-{number:05}"));
    fill(&server, &path, load.listed, pod).await?;
    settle(&server, &space).await?;
    tell("lists");
    let mut connection = server.connect().await?;
    let bytes = check(&mut connection, &path, load.listed).await?;
    let (mut p50_ms, mut p99_ms) = (Vec::new(), Vec::new());
    for _ in 0..load.rounds {
        let samples = list(&mut connection, &path, bytes).await?;
        p50_ms.push(samples.percentile_ms(0.5));
        p99_ms.push(samples.percentile_ms(0.99));
    }
    space.delete().await?;
    Ok(rows(load.listed, bytes, &p50_ms, &p99_ms))
}

/// Waits until nothing more happens to the Pods.
pub(super) async fn settle(server: &ApiServer, space: &Space) -> Result<()> {
    let path = format!("{}?watch=true", space.path("pods"));
    let mut events = server.connect().await?.watch(&path).await?;
    let quiet = async {
        while let Ok(event) = tokio::time::timeout(QUIET, events.next_line()).await {
            event?;
        }
        anyhow::Ok(())
    };
    let settled = tokio::time::timeout(QUIET_WITHIN, quiet).await;
    settled.with_context(|| format!("the Pods still change after {QUIET_WITHIN:?}"))?
}

/// The size of the list, which must have every Pod.
async fn check(connection: &mut Connection, path: &str, pods: u32) -> Result<usize> {
    let body = connection.get(path).await?;
    let list: List = serde_json::from_slice(&body)?;
    let found = list.items.len();
    ensure!(
        found == pods as usize,
        "the list has {found} Pods of {pods}"
    );
    Ok(body.len())
}

async fn list(connection: &mut Connection, path: &str, bytes: usize) -> Result<Samples> {
    let mut samples = Vec::new();
    for _ in 0..LISTS {
        let began = Instant::now();
        let body = connection.get(path).await?;
        samples.push(began.elapsed());
        // The resource version may have become a digit longer meanwhile.
        ensure!(
            body.len().abs_diff(bytes) < 100,
            "the list changed: {} bytes",
            body.len()
        );
    }
    Ok(samples.into_iter().collect())
}

fn rows(pods: u32, bytes: usize, p50_ms: &[f64], p99_ms: &[f64]) -> Vec<Row> {
    let p50 = Row::of_rounds(
        format!("list of {pods} Pods, p50"),
        Unit::Milliseconds,
        p50_ms,
    );
    let p99 = Row::of_rounds(
        format!("list of {pods} Pods, p99"),
        Unit::Milliseconds,
        p99_ms,
    );
    let size_mib = bytes as f64 / f64::from(1 << 20);
    let rate = size_mib / (median(p50_ms) / 1e3);
    let p50 = match pods {
        5000 => p50.target(Target::AtMost(TARGET_MS)),
        _ => p50,
    };
    vec![
        p50,
        p99,
        Row::of_one("its size", Unit::Mebibytes, size_mib).beside("a second", rate),
    ]
}
