//! Twenty thousand Pods of 2 KB: what all of skiff takes, beside etcd and sled with the same values alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bed::{Bed, Taken};
use super::etcd::Etcd;
use super::sled::Sled;
use crate::bench::client::ApiServer;
use crate::bench::filling::fill;
use crate::bench::lists::settle;
use crate::bench::objects::Mould;
use crate::bench::options::Load;
use crate::bench::report::{Row, Target, Unit};
use crate::bench::space::Space;
use crate::bench::tell;

/// What all of skiff shall take at most with 20,000 of them, in MiB.
const TARGET_MIB: f64 = 200.0;
const TARGET_PODS: u32 = 20_000;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Measures skiff, and then with the values that it stored etcd, where it is installed, and sled.
pub(in crate::bench) fn measure(load: &Load) -> Result<Vec<Row>> {
    let count = load.small_pods;
    tell(&format!("small-pods, creating {count} Pods"));
    let bed = Bed::make(load)?;
    let before = bed.resident_mib()?;
    let values = bed.folder().join("values");
    let created_in = bed
        .inside
        .run(create(bed.server.clone(), count, values.clone()))?;
    let skiff = Taken {
        resident_mib: bed.resident_mib()?,
        disk_bytes: bed.on_disk()?,
    };
    let size = fs::metadata(&values)?.len() as f64 / f64::from(count);
    tell("small-pods, the same values in sled and etcd");
    let sled = Sled::start(&bed.folder().join("sled"), &values)?.taken()?;
    let etcd = in_etcd(&bed, &values)?;
    let rate = f64::from(count) / created_in.as_secs_f64();
    let mut rows = rows(count, skiff, sled, etcd);
    rows.push(Row::of_one(
        format!("resident before the {count} Pods"),
        Unit::Mebibytes,
        before,
    ));
    rows.push(Row::of_one("a Pod as it is stored", Unit::Bytes, size));
    rows.push(Row::of_one(
        format!("create of {count} Pods, rate"),
        Unit::PerSecond,
        rate,
    ));
    Ok(rows)
}

/// Creates the Pods and writes what was made of them into a file, one a line.
async fn create(server: ApiServer, count: u32, values: PathBuf) -> Result<Duration> {
    let space = Space::create(&server, "small-pods").await?;
    let path = space.path("pods");
    let mould = Mould::small_pod();
    let pod = move |number| mould.named(&format!("shop-{number:06}"));
    let created_in = fill(&server, &path, count, pod).await?;
    settle(&server, &space).await?;
    let body = server.connect().await?.get(&path).await?;
    let list: List<'_> = serde_json::from_slice(&body)?;
    let lines = list.items.iter().map(|item| item.get());
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    fs::write(&values, text).with_context(|| format!("write {}", values.display()))?;
    Ok(created_in)
}

/// What etcd takes with the same values; nothing where it is not installed.
fn in_etcd(bed: &Bed, values: &Path) -> Result<Option<Taken>> {
    if super::etcd_version().is_none() {
        tell("etcd is not installed: skiff is measured without it (apt-get install etcd-server)");
        return Ok(None);
    }
    let etcd = Etcd::start(bed.namespace(), &bed.folder().join("etcd"))?;
    bed.inside.run(Etcd::put_all(values.to_owned()))?;
    etcd.taken().map(Some)
}

fn rows(count: u32, skiff: Taken, sled: Taken, etcd: Option<Taken>) -> Vec<Row> {
    let row = |who: &str, unit: Unit, value, of_etcd: Option<f64>| {
        let what = match unit {
            Unit::Mebibytes => format!("{count} Pods of 2 KB, {who}, resident"),
            _ => format!("{count} Pods of 2 KB, {who}, on disk each"),
        };
        let row = Row::of_one(what, unit, value);
        match of_etcd {
            Some(of_etcd) => row.beside("etcd alone", of_etcd),
            None => row,
        }
    };
    let each = |taken: &Taken| taken.disk_bytes / f64::from(count);
    let resident = etcd.map(|etcd| etcd.resident_mib);
    let disk = etcd.as_ref().map(each);
    let all = row(
        "all of skiff",
        Unit::Mebibytes,
        skiff.resident_mib,
        resident,
    );
    vec![
        match count {
            TARGET_PODS => all.target(Target::AtMost(TARGET_MIB)),
            _ => all,
        },
        row("sled alone", Unit::Mebibytes, sled.resident_mib, resident),
        row("all of skiff", Unit::Bytes, each(&skiff), disk),
        row("sled alone", Unit::Bytes, each(&sled), disk),
    ]
}
