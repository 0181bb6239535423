//! Many objects in a collection, before something is measured of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::client::ApiServer;

/// How many create at a time, each with a connection of its own.
const WRITERS: u32 = 32;

/// Creates `count` objects in the collection at `path`, each as `object` makes it of its number; returns how long it took.
pub(super) async fn fill(
    server: &ApiServer,
    path: &str,
    count: u32,
    object: impl Fn(u32) -> Bytes + Send + Sync + 'static,
) -> Result<Duration> {
    let object = Arc::new(object);
    let mut connections = Vec::new();
    for _ in 0..WRITERS {
        connections.push(server.connect().await?);
    }
    let began = Instant::now();
    let mut writing = JoinSet::new();
    for (mut connection, first) in connections.into_iter().zip(0..) {
        let (path, object) = (path.to_owned(), Arc::clone(&object));
        writing.spawn(async move {
            for number in (first..count).step_by(WRITERS as usize) {
                connection.create(&path, object(number)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(written) = writing.join_next().await {
        written??;
    }
    Ok(began.elapsed())
}
