//! As many Pods as a node takes, all at the same time, and what they take once they run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::{JoinSet, spawn_blocking};

use super::bed::{Bed, Place};
use super::cri::Made;
use crate::bench::idle::{self, Limits};
use crate::bench::options::Load;
use crate::bench::report::{Row, Target, Unit};
use crate::bench::statistics::{median, milliseconds};
use crate::bench::tell;

/// How many times the raw calls the Pods shall take at most.
const TARGET_RATIO: f64 = 1.3;
/// A round takes a minute: more say little.
const MOST_ROUNDS: u32 = 2;
/// What skiff shall take at most with so many Pods.
const FULL: Limits = Limits {
    resident_mib: 100.0,
    core_percent: 2.0,
};

/// Fills the node by the API and by raw calls in turn, and looks at what skiff takes with all its Pods.
pub(in crate::bench) async fn measure(
    place: Place,
    data_dir: PathBuf,
    load: Load,
) -> Result<Vec<Row>> {
    let mut bed = Bed::make(&place, "pods110").await?;
    // One is there already.
    let names: Vec<String> = (1..load.pods).map(|pod| format!("sleeper-{pod}")).collect();
    let rounds = load.rounds.min(MOST_ROUNDS);
    let (mut pods_ms, mut raw_ms) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        tell(&format!("pods110, round {round} of {rounds}"));
        let is_last = round == rounds;
        // Take turns, and end with the Pods.
        let raw_first = (rounds - round).is_multiple_of(2);
        if raw_first {
            raw_ms.push(milliseconds(raw(&mut bed, load.pods).await?));
        }
        pods_ms.push(milliseconds(bed.pods.run_all(&names).await?));
        if !is_last {
            bed.remove(&names, Vec::new()).await?;
        }
        if !raw_first {
            raw_ms.push(milliseconds(raw(&mut bed, load.pods).await?));
        }
    }
    let what = format!("{} Pods", load.pods);
    let mut rows = rows(&what, &pods_ms, &raw_ms);
    let at_rest = spawn_blocking(move || idle::measure(&data_dir, &what, load.idle_s, FULL));
    rows.extend(at_rest.await??);
    bed.remove(&names, Vec::new()).await?;
    bed.clear().await?;
    Ok(rows)
}

/// Runs as many by raw calls, all at the same time as the kubelet does, and removes them.
async fn raw(bed: &mut Bed, pods: u32) -> Result<Duration> {
    let mut running = JoinSet::new();
    let copies = (1..pods).map(|number| bed.copy(number));
    let copies = copies.collect::<Result<Vec<_>>>()?;
    let began = Instant::now();
    for copy in copies {
        let runtime = bed.runtime.clone();
        running.spawn(async move { runtime.run(&copy).await });
    }
    let mut made: Vec<Made> = Vec::new();
    while let Some(ran) = running.join_next().await {
        made.push(ran??.1);
    }
    let took = began.elapsed();
    if let Some(one) = made.first() {
        bed.template.compare(&mut bed.runtime, one).await?;
    }
    bed.remove(&[], made).await?;
    Ok(took)
}

fn rows(what: &str, pods_ms: &[f64], raw_ms: &[f64]) -> Vec<Row> {
    let pairs = pods_ms.iter().zip(raw_ms);
    let ratios: Vec<f64> = pairs.map(|(pods, raw)| pods / raw).collect();
    vec![
        Row::of_rounds(format!("{what}, all Running"), Unit::Milliseconds, pods_ms)
            .beside("raw CRI calls", median(raw_ms)),
        Row::of_rounds("its ratio to the raw calls", Unit::Ratio, &ratios)
            .target(Target::AtMost(TARGET_RATIO)),
    ]
}
