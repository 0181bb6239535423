//! `/containerLogs/{namespace}/{pod}/{container}`: the text of a container's log.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::header::CONTENT_TYPE;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::answer::Refused;
use super::{Served, find};
use crate::logs::{LogOptions, LogStreams, read_log};
use crate::runtime::cri::ContainerState;
use crate::runtime::{EventStream, Runtime, RuntimeEvent};

/// The options, as the API server passes them on.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Options {
    follow: Option<String>,
    previous: Option<String>,
    timestamps: Option<String>,
    tail_lines: Option<u64>,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    limit_bytes: Option<u64>,
    stream: Option<String>,
}

/// A flag of a query: kubectl writes `true`, others `1` or nothing.
fn is_set(flag: Option<&String>) -> bool {
    flag.is_some_and(|flag| flag != "false" && flag != "0")
}

impl Options {
    fn read(&self, now: Timestamp) -> LogOptions {
        let ago = self
            .since_seconds
            .map(|seconds| now - SignedDuration::from_secs(seconds));
        LogOptions {
            follow: is_set(self.follow.as_ref()),
            tail_lines: self.tail_lines,
            since: self.since_time.or(ago),
            timestamps: is_set(self.timestamps.as_ref()),
            limit_bytes: self.limit_bytes,
            streams: match self.stream.as_deref() {
                Some("Stdout") => LogStreams::Stdout,
                Some("Stderr") => LogStreams::Stderr,
                _ => LogStreams::All,
            },
        }
    }
}

/// Serves a log; with `follow`, until the container ends or the caller goes.
pub(super) async fn serve<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(options): Query<Options>,
) -> Result<Response, Refused> {
    let pod = find::pod(&served.pods, &namespace, &pod)?;
    let (id, may_run) = find::logged(&pod, &container, is_set(options.previous.as_ref()))?;
    let runtime = &served.context.runtime;
    let options = options.read(Timestamp::now());
    let ended = CancellationToken::new();
    // The events come first: an end between the look and the subscription would be missed.
    let events = (options.follow && may_run).then(|| runtime.events());
    let status = runtime.container_status(&id).await;
    let status = status.map_err(|error| Refused::internal(error.to_string()))?;
    let caller = CancellationToken::new();
    match events.filter(|_| status.state == ContainerState::ContainerRunning as i32) {
        Some(events) => watch_end(&served, events, id, ended.clone(), caller.clone()),
        None => ended.cancel(),
    }
    let log = read_log(PathBuf::from(status.log_path), options, ended).await;
    let log = log.map_err(|error| Refused::internal(format!("failed to open the log: {error}")))?;
    let gone = caller.drop_guard();
    let pieces = log.map(move |piece| {
        let _held = &gone;
        piece
    });
    Ok(([(CONTENT_TYPE, "text/plain")], Body::from_stream(pieces)).into_response())
}

/// Cancels `ended` when the container ends or the kubelet does; stops watching when the caller goes.
fn watch_end<R: Runtime>(
    served: &Arc<Served<R>>,
    mut events: EventStream,
    id: String,
    ended: CancellationToken,
    caller: CancellationToken,
) {
    let (context, shutdown) = (served.context.clone(), served.shutdown.clone());
    served.streams.spawn(async move {
        let container_ends = async {
            while let Some(event) = events.next().await {
                match event {
                    RuntimeEvent::ContainerExited { id: other, .. } if other == id => return,
                    RuntimeEvent::Gap => match context.runtime.container_status(&id).await {
                        Ok(status) if status.state == ContainerState::ContainerRunning as i32 => {}
                        _ => return,
                    },
                    _ => {}
                }
            }
        };
        tokio::select! {
            () = container_ends => ended.cancel(),
            () = shutdown.cancelled() => ended.cancel(),
            () = caller.cancelled() => {}
        }
    });
}
