//! What the server takes in memory and what that gives: watchers, objects, Pods, each on a cluster of its own, in which
//! nothing is left of what others did.

mod bed;
mod crowd;
mod etcd;
mod objects;
mod sled;
mod small_pods;

pub(super) use crowd::measure as crowd;
pub(super) use etcd::version as etcd_version;
pub(super) use objects::measure as objects;
pub(super) use sled::keep as keep_in_sled;
pub(super) use small_pods::measure as small_pods;

/// Bytes of a mebibyte.
const MIB: f64 = (1 << 20) as f64;
