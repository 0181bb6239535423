//! Verifies a store after a power cut: `power_cut_verify DIR < lines` takes the lines of `power_cut_writer`, checks the
//! store, and fails with a list if an acknowledged write is not there.

mod content;

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead},
    path::PathBuf,
};

use anyhow::Context;
use skiff_store::{Options, Revision, SledEngine, SledOptions, Snapshot, Store};

/// The newest acknowledged revision of each key, and its seed.
type Acked = BTreeMap<String, (Revision, u64)>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = env::args().nth(1).map(PathBuf::from);
    let dir = dir.context("usage: power_cut_verify DIR < lines")?;
    let acked = read_acked(io::stdin().lock())?;
    let engine = SledEngine::open(&dir, SledOptions::default())?;
    let store = Store::open(Box::new(engine), Options::default())?;
    let report = store.check()?;
    let lost = lost(&acked, &store.snapshot());
    store.close().await;
    for line in &lost {
        println!("lost {line}");
    }
    println!(
        "{} acknowledged keys, {} lost; {report:?}",
        acked.len(),
        lost.len()
    );
    anyhow::ensure!(
        lost.is_empty(),
        "{} acknowledged writes are lost",
        lost.len()
    );
    Ok(())
}

fn read_acked(mut input: impl BufRead) -> anyhow::Result<Acked> {
    let mut acked = Acked::new();
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        // The last line may have been cut off with the power.
        if let Some(whole) = line.strip_suffix('\n') {
            let fields: Vec<_> = whole.split(' ').collect();
            let ["acked", key, revision, seed] = fields[..] else {
                anyhow::bail!("not a line of power_cut_writer: {whole:?}");
            };
            let newer = (Revision(revision.parse()?), seed.parse()?);
            let newest = acked.entry(key.to_owned()).or_insert(newer);
            *newest = newer.max(*newest);
        }
        line.clear();
    }
    Ok(acked)
}

/// A write under way at the cut may or may not be there, so a key may also have a newer value than the
/// acknowledged one, but only a whole one.
fn lost(acked: &Acked, snapshot: &Snapshot) -> Vec<String> {
    let mut lost = Vec::new();
    for (key, &(revision, seed)) in acked {
        let found = match snapshot.get(key) {
            None => "nothing".to_owned(),
            Some(entry) => match content::seed_of(&entry.value, entry.revision) {
                None => format!("damaged content at {}", entry.revision),
                Some(found) if entry.revision == revision && found == seed => continue,
                Some(_) if entry.revision > revision => continue,
                Some(found) => format!("seed {found} at {}", entry.revision),
            },
        };
        lost.push(format!(
            "{key}: acknowledged seed {seed} at {revision}, found {found}"
        ));
    }
    lost
}
