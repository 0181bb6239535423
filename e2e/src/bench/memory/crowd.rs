//! Many watchers of one collection, on connections that they share as those of client-go do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};

use super::bed::Bed;
use crate::bench::client::{ApiServer, Connection, Events};
use crate::bench::options::Load;
use crate::bench::report::{Row, Unit};
use crate::bench::space::Space;
use crate::bench::statistics::milliseconds;
use crate::bench::tell;
use crate::bench::watches::{deliver_to, from_now_on, raise_open_files};

/// As many streams has a connection to Kubernetes' API server at most (its `--http2-max-streams-per-connection`).
const A_CONNECTION: u32 = 100;
/// How many watches are opened at a time.
const OPENING: usize = 16;
/// How many creates each round has.
const CREATES: usize = 10;

/// Watches that wait, and the way to what they watch.
struct Crowd {
    space: Space,
    events: Vec<Events>,
    opened_in: Duration,
}

/// Measures what a watcher takes of the server, and when the last of all has an event.
pub(in crate::bench) fn measure(load: &Load) -> Result<Vec<Row>> {
    tell(&format!("crowd, {} watchers", load.crowd));
    raise_open_files()?;
    let bed = Bed::make(load)?;
    let before = bed.resident_mib()?;
    let crowd = bed.inside.run(gather(bed.server.clone(), load.crowd))?;
    let opened_in = milliseconds(crowd.opened_in);
    let with_all = bed.resident_mib()?;
    tell("crowd, creates");
    let (server, rounds) = (bed.server.clone(), load.rounds);
    let delivery = bed.inside.run(async move {
        let path = crowd.space.path("configmaps");
        let writer = server.connect().await?;
        deliver_to(crowd.events, writer, &path, CREATES, rounds).await
    })?;
    let afterwards = bed.resident_mib()?;
    let watchers = load.crowd;
    let each = (with_all - before) * super::MIB / f64::from(watchers);
    let mib = |what, value| {
        Row::of_one(
            format!("{what} {watchers} watchers"),
            Unit::Mebibytes,
            value,
        )
    };
    let mut rows = vec![
        Row::of_one(
            format!("{watchers} watchers opened"),
            Unit::Milliseconds,
            opened_in,
        ),
        Row::of_one("a watcher, resident at the server", Unit::Bytes, each),
        mib("resident with", with_all).beside("before", before),
        mib("resident after", afterwards).beside("before", before),
    ];
    rows.extend(delivery.rows(watchers as usize));
    Ok(rows)
}

async fn gather(server: ApiServer, watchers: u32) -> Result<Crowd> {
    let space = Space::create(&server, "crowd").await?;
    let path = space.path("configmaps");
    let watch = from_now_on(&mut server.connect().await?, &path).await?;
    let began = Instant::now();
    let mut places = Vec::new();
    for number in 0..watchers {
        let place = match number % A_CONNECTION {
            0 => server.connect().await?,
            _ => shared(places.last())?,
        };
        places.push(place);
    }
    let events: Vec<Events> = stream::iter(places)
        .map(|place| place.watch(&watch))
        .buffer_unordered(OPENING)
        .try_collect()
        .await?;
    ensure!(
        events.len() == watchers as usize,
        "{} watches",
        events.len()
    );
    Ok(Crowd {
        space,
        events,
        opened_in: began.elapsed(),
    })
}

/// The last connection once more.
fn shared(last: Option<&Connection>) -> Result<Connection> {
    last.context("the first has a connection of its own")?
        .shared()
}
