//! How many requests may be under way. Beyond, clients are told to come again; the server does not drown.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use skiff_api::{Reason, Status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::Api;
use crate::encode::Failure;
use crate::request::RequestInfo;

/// Kubernetes' `--max-requests-inflight`.
const READS: usize = 400;
/// Kubernetes' `--max-mutating-requests-inflight`.
const WRITES: usize = 200;
/// Watches and streams; each costs a few KiB while nothing happens.
const LONG_RUNNING: usize = 10_000;

/// The bounds, by what a request may cost.
pub(crate) struct Limits {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    long_running: Arc<Semaphore>,
}

/// A place among the long-running requests, for as long as it is held.
#[derive(Clone)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS)),
            writes: Arc::new(Semaphore::new(WRITES)),
            long_running: Arc::new(Semaphore::new(LONG_RUNNING)),
        }
    }
}

/// Lets the request through if there is room for it.
pub(crate) async fn limit(
    State(api): State<Arc<Api>>,
    Extension(info): Extension<Arc<RequestInfo>>,
    mut request: Request,
    next: Next,
) -> Response {
    let limits = &api.limits;
    let long_running = info.is_long_running();
    let room = match (long_running, info.is_read_only()) {
        (true, _) => &limits.long_running,
        (false, true) => &limits.reads,
        (false, false) => &limits.writes,
    };
    match Arc::clone(room).try_acquire_owned() {
        Ok(permit) if long_running => {
            // The place is given up when the body ends, which is after this function.
            let permit = Arc::new(permit);
            request.extensions_mut().insert(Place { _permit: permit });
            next.run(request).await
        }
        Ok(_permit) => next.run(request).await,
        Err(_) => Failure(too_many()).into_response(),
    }
}

fn too_many() -> Status {
    let message = "Too many requests, please try again later.";
    let mut status = Status::new(Reason::TooManyRequests, message);
    status.details.retry_after_seconds = Some(1);
    status
}
