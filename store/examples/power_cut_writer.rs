//! Writes for ever into a store and prints a line for every acknowledged commit, until someone cuts the power.
//!
//! `power_cut_writer DIR [WRITERS]` prints `acked KEY REVISION SEED`. With `SKIFF_STORE_SKIP_SYNC=1` it does not wait for
//! the disk: a harness that cuts the power must find losses then, or it would not find them otherwise either.

mod content;

use std::{env, io::Write, path::PathBuf};

use anyhow::Context;
use skiff_store::{Batch, Durability, Key, Options, SledEngine, SledOptions, Store, Value};
use tokio::task::JoinSet;

/// Each writer writes its keys in turn, again and again, so that the directory does not grow without end.
const KEYS_PER_WRITER: u64 = 32;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let dir = PathBuf::from(
        args.next()
            .context("usage: power_cut_writer DIR [WRITERS]")?,
    );
    let writers = args.next().map_or(Ok(8), |writers| writers.parse())?;
    let skip_sync = env::var_os("SKIFF_STORE_SKIP_SYNC").is_some_and(|skip| skip == "1");
    let options = SledOptions {
        durability: if skip_sync {
            Durability::Unsynced
        } else {
            Durability::Synced
        },
        ..SledOptions::default()
    };
    let engine = SledEngine::open(&dir, options)?;
    let store = Store::open(Box::new(engine), Options::default())?;
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        tasks.spawn(write(store.clone(), writer));
    }
    match tasks.join_next().await {
        Some(ended) => ended?,
        None => Ok(()),
    }
}

async fn write(store: Store, writer: u64) -> anyhow::Result<()> {
    // Seeds of a later run are larger: every commit has moved the revision on.
    for seed in store.revision().0.. {
        let key = Key::new(format!("/power/{writer}/{}", seed % KEYS_PER_WRITER))?;
        let (before, after) = content::content(seed);
        let batch = Batch::default().put(key.clone(), Value::stamped(before, after));
        let revision = store.commit(batch).await?;
        // One write call a line: what is printed is out, even if the process ends here.
        let line = format!("acked {key} {revision} {seed}\n");
        std::io::stdout().lock().write_all(line.as_bytes())?;
    }
    Ok(())
}
