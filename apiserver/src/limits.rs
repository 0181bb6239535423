//! How many requests may be under way. Beyond, clients are told to come again; the server does not drown.

use std::sync::Arc;

use http::Extensions;
use skiff_api::{Reason, Status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

/// Room for a request, for as long as it is held.
pub(crate) type Room = OwnedSemaphorePermit;

impl Limits {
    /// Makes room for a request; 429 if there is none. A long-running one gets its place as an extension, since it goes on
    /// after its answer has begun.
    pub(crate) fn enter(
        &self,
        info: &RequestInfo,
        extensions: &mut Extensions,
    ) -> Result<Option<Room>, Status> {
        let long_running = info.is_long_running();
        let room = match (long_running, info.is_read_only()) {
            (true, _) => &self.long_running,
            (false, true) => &self.reads,
            (false, false) => &self.writes,
        };
        let room = Arc::clone(room)
            .try_acquire_owned()
            .map_err(|_| too_many())?;
        if long_running {
            let permit = Arc::new(room);
            extensions.insert(Place { _permit: permit });
            return Ok(None);
        }
        Ok(Some(room))
    }
}

fn too_many() -> Status {
    let message = "Too many requests, please try again later.";
    let mut status = Status::new(Reason::TooManyRequests, message);
    status.details.retry_after_seconds = Some(1);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn info(method: Method, url: &str) -> RequestInfo {
        RequestInfo::read(&method, &url.parse().unwrap())
    }

    #[test]
    fn beyond_the_bound_requests_are_told_to_come_again() {
        let limits = Limits::default();
        let read = info(Method::GET, "/api/v1/pods");
        let write = info(Method::POST, "/api/v1/namespaces/a/pods");
        let watch = info(Method::GET, "/api/v1/pods?watch=1");
        let none = &mut Extensions::new();
        let held: Vec<_> = (0..READS)
            .map(|_| limits.enter(&read, none).unwrap())
            .collect();
        let refused = limits.enter(&read, none).unwrap_err();
        assert_eq!(refused.code(), 429);
        assert_eq!(refused.details.retry_after_seconds, Some(1));
        assert!(
            limits.enter(&write, none).is_ok(),
            "writes have room of their own"
        );
        assert!(limits.enter(&watch, none).unwrap().is_none());
        assert!(none.get::<Place>().is_some());
        drop(held);
        assert!(limits.enter(&read, none).is_ok());
    }
}
