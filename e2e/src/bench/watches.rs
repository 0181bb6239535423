//! How long after a create the last watcher has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::client::{ApiServer, Connection, Events};
use super::objects::Mould;
use super::options::Load;
use super::report::{Row, Unit};
use super::space::Space;
use super::statistics::{Samples, median};
use super::tell;

/// How many creates each round of so many watchers has.
const CREATES: usize = 40;
/// How many watches are opened at a time.
const OPENING: usize = 16;
/// Bounds the wait for an event: one that never comes is a failure, not a latency.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);

/// An event as it came to one of the watchers.
type Arrival = (Instant, Bytes);

/// The moments of one create.
#[derive(Debug)]
struct Moments {
    sent: Instant,
    answered: Instant,
    /// When the last watcher had it.
    last: Instant,
}

/// When the last watcher had an event, and when its writer had the answer: one value each round.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    last_p50_ms: Vec<f64>,
    last_p99_ms: Vec<f64>,
    answer_p50_ms: Vec<f64>,
    answer_p99_ms: Vec<f64>,
    after_answer_p50_ms: Vec<f64>,
}

/// Measures with one watcher and with many.
pub(super) async fn measure(server: ApiServer, load: Load) -> Result<Vec<Row>> {
    raise_open_files()?;
    let space = Space::create(&server, "watches").await?;
    let mut rows = Vec::new();
    for watchers in [1, load.watchers as usize] {
        tell(&format!("watches, {watchers} at a time"));
        let delivery = deliver(&server, &space, watchers, load.rounds).await?;
        rows.extend(delivery.rows(watchers));
    }
    space.delete().await?;
    Ok(rows)
}

/// Each watcher has a socket. A server that was started before this must look after its own limit.
pub(super) fn raise_open_files() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("raise the limit of open files")
}

async fn deliver(
    server: &ApiServer,
    space: &Space,
    watchers: usize,
    rounds: u32,
) -> Result<Delivery> {
    let path = space.path("configmaps");
    let mut writer = server.connect().await?;
    let watch = from_now_on(&mut writer, &path).await?;
    let events: Vec<Events> = stream::iter(0..watchers)
        .map(|_| async { server.connect().await?.watch(&watch).await })
        .buffer_unordered(OPENING)
        .try_collect()
        .await?;
    deliver_to(events, writer, &path, CREATES, rounds).await
}

/// Creates ConfigMaps at `path` one after the other, so many each round; all these watch them.
pub(super) async fn deliver_to(
    events: Vec<Events>,
    mut writer: Connection,
    path: &str,
    creates: usize,
    rounds: u32,
) -> Result<Delivery> {
    let watchers = events.len();
    let (arrive, mut arrivals) = mpsc::channel(watchers);
    let mut tasks = JoinSet::new();
    for events in events {
        tasks.spawn(pass_on(events, arrive.clone()));
    }
    let mould = Mould::config_map();
    let mut delivery = Delivery::default();
    for round in 0..rounds {
        let mut moments = Vec::with_capacity(creates);
        for create in 0..creates {
            let name = format!("event-{watchers}-{round}-{create}");
            let object = mould.named(&name);
            let sent = Instant::now();
            writer.create(path, object).await?;
            let answered = Instant::now();
            let last = last_arrival(&mut arrivals, watchers, &name).await?;
            moments.push(Moments {
                sent,
                answered,
                last,
            });
        }
        delivery.add(&moments);
    }
    Ok(delivery)
}

/// Hands on what a watch brings, for as long as somebody listens.
async fn pass_on(mut events: Events, arrive: mpsc::Sender<Arrival>) -> Result<()> {
    loop {
        let line = events.next_line().await?;
        if arrive.send((Instant::now(), line)).await.is_err() {
            return Ok(());
        }
    }
}

/// Waits until every watcher has got the object of this name, and nothing else.
async fn last_arrival(
    arrivals: &mut mpsc::Receiver<Arrival>,
    watchers: usize,
    name: &str,
) -> Result<Instant> {
    let mut came = Vec::with_capacity(watchers);
    let all = async {
        while came.len() < watchers {
            came.push(arrivals.recv().await.context("the watches ended")?);
        }
        anyhow::Ok(())
    };
    let in_time = tokio::time::timeout(DELIVERED_WITHIN, all).await;
    let got = came.len();
    in_time.with_context(|| format!("only {got} of {watchers} watchers have {name}"))??;
    let added = format!("\"{name}\"");
    for (_, line) in &came {
        let text = String::from_utf8_lossy(line);
        ensure!(
            text.contains("\"ADDED\"") && text.contains(&added),
            "a watcher got another event than that of {name}: {text}"
        );
    }
    came.iter()
        .map(|(at, _)| *at)
        .max()
        .context("there are watchers")
}

/// The path that watches a collection without what is there already.
pub(super) async fn from_now_on(connection: &mut Connection, path: &str) -> Result<String> {
    let list: Value = serde_json::from_slice(&connection.get(&format!("{path}?limit=1")).await?)?;
    let version = list["metadata"]["resourceVersion"].as_str();
    let version = version.context("a list has a resource version")?;
    Ok(format!("{path}?watch=true&resourceVersion={version}"))
}

impl Delivery {
    fn add(&mut self, moments: &[Moments]) {
        let samples = |of: fn(&Moments) -> Duration| moments.iter().map(of).collect::<Samples>();
        let last = samples(|one| one.last - one.sent);
        let answer = samples(|one| one.answered - one.sent);
        // The event may well be there before the answer.
        let after_answer = samples(|one| one.last.saturating_duration_since(one.answered));
        self.last_p50_ms.push(last.percentile_ms(0.5));
        self.last_p99_ms.push(last.percentile_ms(0.99));
        self.answer_p50_ms.push(answer.percentile_ms(0.5));
        self.answer_p99_ms.push(answer.percentile_ms(0.99));
        self.after_answer_p50_ms
            .push(after_answer.percentile_ms(0.5));
    }

    /// The figures of so many watchers.
    pub(super) fn rows(&self, watchers: usize) -> [Row; 3] {
        let to = match watchers {
            1 => "to the watcher".to_owned(),
            many => format!("to the last of {many} watchers"),
        };
        let row = |what: String, rounds: &[f64]| Row::of_rounds(what, Unit::Milliseconds, rounds);
        [
            row(format!("create sent {to}, p50"), &self.last_p50_ms)
                .beside("to its answer", median(&self.answer_p50_ms)),
            row(format!("create sent {to}, p99"), &self.last_p99_ms)
                .beside("to its answer", median(&self.answer_p99_ms)),
            row(
                format!("create answered {to}, p50"),
                &self.after_answer_p50_ms,
            ),
        ]
    }
}
