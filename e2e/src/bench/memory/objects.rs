//! Many objects: what one takes in memory and on disk, and how they are read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::bed::Bed;
use crate::bench::client::{ApiServer, Connection};
use crate::bench::filling::fill;
use crate::bench::objects::Mould;
use crate::bench::options::Load;
use crate::bench::report::{Row, Unit};
use crate::bench::space::Space;
use crate::bench::statistics::{Samples, milliseconds};
use crate::bench::tell;

/// As many objects kubectl asks for at a time.
const PAGE: u32 = 500;
/// How many single objects are read.
const READS: u32 = 1000;

/// What was found while the objects are there.
struct Found {
    created_in: Duration,
    stored_bytes: usize,
    reads: Samples,
    paged_in: Duration,
}

/// Measures with ConfigMaps of 1 KiB.
pub(in crate::bench) fn measure(load: &Load) -> Result<Vec<Row>> {
    let count = load.objects;
    tell(&format!("objects, creating {count} ConfigMaps"));
    let bed = Bed::make(load)?;
    let (before, disk_before) = (bed.resident_mib()?, bed.on_disk()?);
    let found = bed.inside.run(create_and_read(bed.server.clone(), count))?;
    let (after, disk_after) = (bed.resident_mib()?, bed.on_disk()?);
    let each = |bytes: f64| bytes / f64::from(count);
    let bytes = |what: &str, value| {
        Row::of_one(
            format!("{count} ConfigMaps, {what} each"),
            Unit::Bytes,
            value,
        )
        .beside("as stored", found.stored_bytes as f64)
    };
    let rate = f64::from(count) / found.created_in.as_secs_f64();
    let pages = format!("{count} ConfigMaps in pages of {PAGE}, all");
    Ok(vec![
        bytes("resident", each((after - before) * super::MIB)),
        bytes("on disk", each(disk_after - disk_before)),
        Row::of_one(
            format!("resident with {count} ConfigMaps"),
            Unit::Mebibytes,
            after,
        )
        .beside("before", before),
        Row::of_one(
            format!("create of {count} ConfigMaps, rate"),
            Unit::PerSecond,
            rate,
        ),
        found.reads.row(format!("get one of {count}, p50")),
        Row::of_one(pages, Unit::Milliseconds, milliseconds(found.paged_in)),
    ])
}

async fn create_and_read(server: ApiServer, count: u32) -> Result<Found> {
    let space = Space::create(&server, "objects").await?;
    let path = space.path("configmaps");
    let mould = Mould::config_map();
    let object = move |number| mould.named(&name(number));
    let created_in = fill(&server, &path, count, object).await?;
    tell("objects, reading");
    let mut connection = server.connect().await?;
    let first = format!("{path}/{}", name(0));
    let stored_bytes = connection.get(&first).await?.len();
    let mut reads = Vec::new();
    for read in 0..READS {
        let one = name(rand::random_range(0..count));
        let began = Instant::now();
        let path = format!("{path}/{one}");
        connection
            .get(&path)
            .await
            .with_context(|| format!("read {read}"))?;
        reads.push(began.elapsed());
    }
    Ok(Found {
        created_in,
        stored_bytes,
        reads: reads.into_iter().collect(),
        paged_in: pages(&mut connection, &path, count).await?,
    })
}

fn name(number: u32) -> String {
    format!("settings-{number:06}")
}

/// Lists all in pages; each page goes on where the one before ended.
async fn pages(connection: &mut Connection, path: &str, count: u32) -> Result<Duration> {
    let began = Instant::now();
    let mut token = String::new();
    for _ in 0..=count / PAGE {
        let path = format!("{path}?limit={PAGE}&continue={token}");
        let page: Value = serde_json::from_slice(&connection.get(&path).await?)?;
        match page["metadata"]["continue"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut token),
            _ => break,
        }
    }
    Ok(began.elapsed())
}
