//! How many requests may be under way, and how large their bodies together. Beyond, clients are told to come again; the
//! server does not drown.

use std::sync::Arc;

use http::Extensions;
use skiff_api::{Status, UserInfo};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::authn::{NODES, is_public};
use crate::request::{Bodies, RequestInfo, is_remote, too_many};

/// Kubernetes' `--max-requests-inflight`.
const READS: usize = 400;
/// Kubernetes' `--max-mutating-requests-inflight`.
const WRITES: usize = 200;
/// Those of nodes, which have room of their own as in Kubernetes (its PriorityLevelConfigurations `node-high` and
/// `system`): a crowd of clients must not make nodes look lost.
const OF_NODES: usize = 200;
/// Watches and streams; each costs a few KiB while nothing happens.
const LONG_RUNNING: usize = 20_000;

/// The bounds, by what a request may cost.
pub(crate) struct Limits {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    of_nodes: Arc<Semaphore>,
    long_running: Arc<Semaphore>,
    bodies: Bodies,
}

/// A place among the long-running requests, for as long as it is held.
#[derive(Clone)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Place {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Arc::new(permit),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS)),
            writes: Arc::new(Semaphore::new(WRITES)),
            of_nodes: Arc::new(Semaphore::new(OF_NODES)),
            long_running: Arc::new(Semaphore::new(LONG_RUNNING)),
            bodies: Bodies::default(),
        }
    }
}

/// Room for a request, for as long as it is held.
pub(crate) type Room = OwnedSemaphorePermit;

impl Limits {
    /// Makes room for a request; 429 if there is none. A long-running one gets its place as an extension, since it goes on
    /// after its answer has begun; each gets the room for its body, which it takes up as that comes.
    pub(crate) fn enter(
        &self,
        info: &RequestInfo,
        user: &UserInfo,
        extensions: &mut Extensions,
    ) -> Result<Option<Room>, Status> {
        // Components of this process bound themselves, and who looks whether the server lives shall learn it.
        if !is_remote(extensions) || is_public(&info.path) {
            return Ok(None);
        }
        let long_running = info.is_long_running();
        let of_node = user.groups.iter().any(|group| group == NODES);
        let room = match (long_running, of_node, info.is_read_only()) {
            (true, ..) => &self.long_running,
            (false, true, _) => &self.of_nodes,
            (false, false, true) => &self.reads,
            (false, false, false) => &self.writes,
        };
        let room = Arc::clone(room)
            .try_acquire_owned()
            .map_err(|_| too_many())?;
        extensions.insert(self.bodies.room());
        if long_running {
            extensions.insert(Place::of(room));
            return Ok(None);
        }
        Ok(Some(room))
    }

    /// A place for what turns out to be long-running; 429 if there is none.
    pub(crate) fn place(&self) -> Result<Place, Status> {
        let permit = Arc::clone(&self.long_running).try_acquire_owned();
        permit.map(Place::of).map_err(|_| too_many())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::from_afar;
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
        let health = info(Method::GET, "/readyz");
        let ann = UserInfo::new("ann", ["system:authenticated"]);
        let node = UserInfo::new("system:node:n1", [NODES]);
        let remote = &mut Extensions::new();
        remote.insert(from_afar());
        let held: Vec<_> = (0..READS)
            .map(|_| limits.enter(&read, &ann, remote).unwrap())
            .collect();
        let refused = limits.enter(&read, &ann, remote).unwrap_err();
        assert_eq!(refused.code(), 429);
        assert_eq!(refused.details.retry_after_seconds, Some(1));
        let enters = |info, user, extensions: &mut _| limits.enter(info, user, extensions).is_ok();
        assert!(enters(&write, &ann, remote), "writes have their own room");
        assert!(enters(&read, &node, remote), "nodes have their own room");
        assert!(enters(&health, &ann, remote), "health can be asked for");
        let inside = &mut Extensions::new();
        assert!(enters(&read, &ann, inside), "components bound themselves");
        assert!(limits.enter(&watch, &ann, remote).unwrap().is_none());
        assert!(remote.get::<Place>().is_some());
        drop(held);
        assert!(enters(&read, &ann, remote));
    }
}
