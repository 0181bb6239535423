//! Durable creates, by one writer and by many at a time, beside raw durable writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::client::{ApiServer, Connection};
use super::disk::append_durably;
use super::objects::Mould;
use super::options::Load;
use super::report::{Row, Target, Unit};
use super::space::Space;
use super::statistics::{Rounds, Samples, median};
use super::tell;

/// How many write at a time; each writer is a client with a connection of its own.
const WRITERS: [u32; 3] = [1, 16, 64];
/// How long each round's raw writes take.
const APPENDING: Duration = Duration::from_secs(1);
/// The creates per second that 64 writers shall reach.
const TARGET_PER_SECOND: f64 = 10_000.0;

/// Measures creates of ConfigMaps, the raw writes going to the folder `disk`.
pub(super) async fn measure(server: ApiServer, disk: PathBuf, load: Load) -> Result<Vec<Row>> {
    let space = Space::create(&server, "creates").await?;
    let mut raw = Rounds::default();
    let mut bursts: [Rounds; WRITERS.len()] = Default::default();
    for round in 1..=load.rounds {
        tell(&format!("creates, round {round} of {}", load.rounds));
        raw.add(&appended(&disk).await?, APPENDING);
        for (rounds, writers) in bursts.iter_mut().zip(WRITERS) {
            let time = Duration::from_secs(load.burst_s);
            let (samples, took) = burst(&server, &space, writers, time).await?;
            rounds.add(&samples, took);
        }
    }
    space.delete().await?;
    Ok(WRITERS
        .into_iter()
        .zip(&bursts)
        .flat_map(|(writers, rounds)| rows(writers, rounds, &raw))
        .collect())
}

async fn appended(disk: &Path) -> Result<Samples> {
    let disk = disk.to_owned();
    tokio::task::spawn_blocking(move || append_durably(&disk, APPENDING)).await?
}

/// Lets `writers` create for `time`, and removes what they made; returns the time that it really took.
async fn burst(
    server: &ApiServer,
    space: &Space,
    writers: u32,
    time: Duration,
) -> Result<(Samples, Duration)> {
    let start = Arc::new(Barrier::new(writers as usize));
    let mut tasks = JoinSet::new();
    for number in 0..writers {
        let writer = Writer {
            connection: server.connect().await?,
            path: space.path("configmaps"),
            prefix: format!("settings-{number}"),
            mould: Mould::config_map(),
        };
        tasks.spawn(writer.write(start.clone(), time));
    }
    let mut samples = Vec::new();
    let mut took = Duration::ZERO;
    let mut written = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (writer, own, own_took) = done??;
        written.push((writer, own.len()));
        samples.extend(own);
        took = took.max(own_took);
    }
    ensure!(!samples.is_empty(), "nothing was created in {time:?}");
    remove(written).await?;
    Ok((samples.into_iter().collect(), took))
}

/// A client that creates one object after the other.
struct Writer {
    connection: Connection,
    path: String,
    prefix: String,
    mould: Mould,
}

impl Writer {
    async fn write(
        mut self,
        start: Arc<Barrier>,
        time: Duration,
    ) -> Result<(Self, Vec<Duration>, Duration)> {
        start.wait().await;
        let started = Instant::now();
        let mut samples = Vec::new();
        while started.elapsed() < time {
            let object = self
                .mould
                .named(&format!("{}-{}", self.prefix, samples.len()));
            let began = Instant::now();
            self.connection.create(&self.path, object).await?;
            samples.push(began.elapsed());
        }
        Ok((self, samples, started.elapsed()))
    }

    async fn remove(mut self, count: usize) -> Result<()> {
        for number in 0..count {
            let path = format!("{}/{}-{number}", self.path, self.prefix);
            self.connection.delete(&path).await?;
        }
        Ok(())
    }
}

/// Every burst finds the namespace as empty as the one before.
async fn remove(written: Vec<(Writer, usize)>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for (writer, count) in written {
        tasks.spawn(writer.remove(count));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn rows(writers: u32, rounds: &Rounds, raw: &Rounds) -> [Row; 3] {
    let what = |figure: &str| match writers {
        1 => format!("create alone, {figure}"),
        many => format!("create, {many} at a time, {figure}"),
    };
    let rate = Row::of_rounds(what("rate"), Unit::PerSecond, &rounds.per_second)
        .beside("append + fdatasync", median(&raw.per_second));
    [
        Row::of_rounds(what("p50"), Unit::Milliseconds, &rounds.p50_ms)
            .beside("append + fdatasync", median(&raw.p50_ms)),
        Row::of_rounds(what("p99"), Unit::Milliseconds, &rounds.p99_ms)
            .beside("append + fdatasync", median(&raw.p99_ms)),
        if writers == 64 {
            rate.target(Target::AtLeast(TARGET_PER_SECOND))
        } else {
            rate
        },
    ]
}
