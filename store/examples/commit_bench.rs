//! Durable commits a second at 1, 16 and 64 writers, beside raw appends with fdatasync in the same directory.
//!
//! `commit_bench [DIR] [SECONDS]`; use a directory on the disk in question, and a release build.

use std::{
    env,
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use skiff_store::{Batch, Key, Options, SledEngine, SledOptions, Store, Value};
use tokio::task::JoinSet;

const VALUE_BYTES: usize = 1024;
const KEYS_PER_WRITER: usize = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let parent = args.next().unwrap_or_else(|| ".".into());
    let seconds = args.next().map_or(Ok(3), |seconds| seconds.parse())?;
    let duration = Duration::from_secs(seconds);
    let dir = tempfile::tempdir_in(parent)?;
    report(
        "raw append + fdatasync",
        raw(dir.path(), duration)?,
        duration,
    );
    for writers in [1, 16, 64] {
        let engine = SledEngine::open(&dir.path().join("store"), SledOptions::default())?;
        let store = Store::open(Box::new(engine), Options::default())?;
        let latencies = commits(&store, writers, duration).await?;
        report(&format!("{writers} writers"), latencies, duration);
        store.close().await;
    }
    Ok(())
}

fn raw(dir: &Path, duration: Duration) -> anyhow::Result<Vec<Duration>> {
    let mut file = File::create(dir.join("raw"))?;
    let (start, mut latencies) = (Instant::now(), Vec::new());
    while start.elapsed() < duration {
        let begin = Instant::now();
        file.write_all(&[7; VALUE_BYTES])?;
        file.sync_data()?;
        latencies.push(begin.elapsed());
    }
    Ok(latencies)
}

async fn commits(
    store: &Store,
    writers: usize,
    duration: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        tasks.spawn(write(store.clone(), writer, duration));
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = tasks.join_next().await {
        latencies.append(&mut of_one??);
    }
    Ok(latencies)
}

async fn write(store: Store, writer: usize, duration: Duration) -> anyhow::Result<Vec<Duration>> {
    let (start, mut latencies) = (Instant::now(), Vec::new());
    for i in 0.. {
        if start.elapsed() >= duration {
            break;
        }
        let key = Key::new(format!("/bench/{writer}/{}", i % KEYS_PER_WRITER))?;
        let batch = Batch::default().put(key, Value::stamped("", vec![7; VALUE_BYTES]));
        let begin = Instant::now();
        store.commit(batch).await?;
        latencies.push(begin.elapsed());
    }
    Ok(latencies)
}

fn report(name: &str, mut latencies: Vec<Duration>, duration: Duration) {
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100];
    println!(
        "{name:24} {:8.0}/s  p50 {:?}  p99 {:?}",
        latencies.len() as f64 / duration.as_secs_f64(),
        at(50),
        at(99),
    );
}
