//! Strategic patches and server-side apply, by one writer and by several at a time, beside replacing the same object.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client::{ApiServer, Connection};
use super::objects::pod_template;
use super::options::Load;
use super::report::{Row, Unit};
use super::space::Space;
use super::statistics::{Rounds, Samples, median};
use super::tell;

/// How many write when it is not one alone; each has an object of its own.
const WRITERS: u32 = 16;

/// A way to change an object.
#[derive(Debug, Clone, Copy)]
enum Way {
    Replace,
    Strategic,
    Apply,
}

/// The rounds of one way: alone, and with several at a time.
#[derive(Debug, Default)]
struct Found {
    alone: Rounds,
    together: Rounds,
}

impl Way {
    const ALL: [Self; 3] = [Self::Replace, Self::Strategic, Self::Apply];

    fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Strategic => "strategic patch",
            Self::Apply => "server-side apply",
        }
    }

    /// Gives the first container of the Pod template `name` below `path` another image.
    async fn write(
        self,
        connection: &mut Connection,
        path: &str,
        name: &str,
        turn: usize,
    ) -> Result<()> {
        let image = format!("nginx:1.{turn}");
        let path = format!("{path}/{name}");
        match self {
            Self::Replace => connection.replace(&path, whole(name, &image)).await,
            Self::Strategic => {
                let kind = "application/strategic-merge-patch+json";
                let containers = json!([{ "name": "server", "image": image }]);
                let patch = json!({ "template": { "spec": { "containers": containers } } });
                connection.patch(&path, kind, encoded(&patch)).await
            }
            Self::Apply => {
                let kind = "application/apply-patch+yaml";
                let path = format!("{path}?fieldManager=bench-apply&force=true");
                connection.patch(&path, kind, whole(name, &image)).await
            }
        }
        .map(drop)
    }
}

/// Measures changes of PodTemplates: many fields, lists with keys, and no controller that answers with writes of its own.
pub(super) async fn measure(server: ApiServer, load: Load) -> Result<Vec<Row>> {
    let space = Space::create(&server, "patches").await?;
    let path = space.path("podtemplates");
    let mut found: [Found; Way::ALL.len()] = Default::default();
    let time = Duration::from_secs(load.burst_s) / 2;
    for round in 1..=load.rounds {
        tell(&format!("patches, round {round} of {}", load.rounds));
        for (found, way) in found.iter_mut().zip(Way::ALL) {
            let (samples, took) = burst(&server, &path, way, 1, time).await?;
            found.alone.add(&samples, took);
            let (samples, took) = burst(&server, &path, way, WRITERS, time).await?;
            found.together.add(&samples, took);
        }
    }
    space.delete().await?;
    let [replaced, changed @ ..] = &found;
    let [_, ways @ ..] = Way::ALL;
    let rows = ways.into_iter().zip(changed);
    Ok(rows
        .flat_map(|(way, found)| rows_of(way, found, replaced))
        .collect())
}

/// Lets `writers` write for `time`, each to an object that it makes before; returns the time that it really took.
async fn burst(
    server: &ApiServer,
    path: &str,
    way: Way,
    writers: u32,
    time: Duration,
) -> Result<(Samples, Duration)> {
    let mut ready = Vec::new();
    for writer in 0..writers {
        let mut connection = server.connect().await?;
        let name = format!("template-{writer}");
        connection.delete(&format!("{path}/{name}")).await?;
        connection.create(path, whole(&name, "nginx:1")).await?;
        ready.push((connection, name));
    }
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (connection, name) in ready {
        tasks.spawn(write(connection, path.to_owned(), name, way, time));
    }
    let mut samples = Vec::new();
    while let Some(written) = tasks.join_next().await {
        samples.extend(written??);
    }
    Ok((samples.into_iter().collect(), began.elapsed()))
}

async fn write(
    mut connection: Connection,
    path: String,
    name: String,
    way: Way,
    time: Duration,
) -> Result<Vec<Duration>> {
    let began = Instant::now();
    let mut samples = Vec::new();
    while began.elapsed() < time {
        let sent = Instant::now();
        way.write(&mut connection, &path, &name, samples.len())
            .await?;
        samples.push(sent.elapsed());
    }
    Ok(samples)
}

fn rows_of(way: Way, found: &Found, replaced: &Found) -> [Row; 3] {
    let ms = |what: String, rounds: &[f64], reference: &[f64]| {
        Row::of_rounds(what, Unit::Milliseconds, rounds).beside("replace", median(reference))
    };
    let name = way.name();
    let (alone, beside) = (&found.alone, &replaced.alone);
    let together = &found.together.per_second;
    let rate = format!("{name}, {WRITERS} at a time, rate");
    [
        ms(format!("{name} alone, p50"), &alone.p50_ms, &beside.p50_ms),
        ms(format!("{name} alone, p99"), &alone.p99_ms, &beside.p99_ms),
        Row::of_rounds(rate, Unit::PerSecond, together)
            .beside("replace", median(&replaced.together.per_second)),
    ]
}

fn whole(name: &str, image: &str) -> Bytes {
    encoded(&pod_template(name, image))
}

fn encoded(object: &Value) -> Bytes {
    object.to_string().into()
}
