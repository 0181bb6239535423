//! Events are kept for an hour, and not without bound.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use jiff::Timestamp;
use skiff_api::metadata;
use skiff_store::{Batch, Change, Entry, Key, Revision, Watch};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::codec::object_of;

const PREFIX: &str = "/registry/core/events/";
const KEPT: Duration = Duration::from_secs(60 * 60);
/// The most events; beyond, the oldest go before their time.
const MOST: usize = 20_000;

/// A write of an event and when it is over, unless another write came after it.
struct Due {
    at: Instant,
    key: Key,
    revision: Revision,
}

/// Deletes events that are over, until `shutdown`.
pub(super) async fn run(api: &Api, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let snapshot = api.store.snapshot();
        let mut due: VecDeque<Due> = snapshot.range(PREFIX, None).map(due_of).collect();
        due.make_contiguous().sort_by_key(|due| due.at);
        let Ok(watch) = api.store.watch(PREFIX, snapshot.revision()) else {
            continue;
        };
        if sweep(api, &mut due, watch, &shutdown).await.is_none() {
            return;
        }
    }
}

/// Returns when it fell behind and must look at everything again, with `None` when there is nothing more to do.
async fn sweep(
    api: &Api,
    due: &mut VecDeque<Due>,
    mut watch: Watch,
    shutdown: &CancellationToken,
) -> Option<()> {
    loop {
        let oldest = due.front().map(|due| due.at);
        let over = async {
            match oldest {
                Some(at) if due.len() <= MOST => time::sleep_until(at).await,
                Some(_) => {}
                None => pending().await,
            }
        };
        // Every arm is cancel-safe: a deadline is kept in `due`, and the store's watch says so of itself.
        tokio::select! {
            () = shutdown.cancelled() => return None,
            changes = watch.next() => match changes {
                Ok(changes) => due.extend(changes.iter().filter_map(|change| written(change))),
                Err(skiff_store::WatchEnd::Lagged) => return Some(()),
                Err(skiff_store::WatchEnd::Closed) => return None,
            },
            () = over => {
                if let Some(Due { key, revision, .. }) = due.pop_front() {
                    // It fails when the event was written again or deleted meanwhile, which is fine.
                    let _ = api.store.commit(Batch::remove(key, revision)).await;
                }
            }
        }
    }
}

fn written(change: &Change) -> Option<Due> {
    match change {
        Change::Put { entry, .. } => Some(Due {
            at: Instant::now() + KEPT,
            key: entry.key.clone(),
            revision: entry.revision,
        }),
        Change::Delete { .. } => None,
    }
}

/// For an event that was there before this server: its last time is known from itself alone.
fn due_of(entry: &Entry) -> Due {
    let object = object_of(&entry.value).unwrap_or_default();
    let last = object["lastTimestamp"].as_str();
    let last = last.or_else(|| metadata::creation_timestamp(&object));
    let last: Option<Timestamp> = last.and_then(|time| time.parse().ok());
    let age = last.map_or(0, |last| Timestamp::now().as_second() - last.as_second());
    let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
    Due {
        at: Instant::now() + KEPT.saturating_sub(age),
        key: entry.key.clone(),
        revision: entry.revision,
    }
}
