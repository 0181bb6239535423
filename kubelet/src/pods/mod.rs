//! The Pods of this node.
//!
//! ```text
//!   informer ──► Manager ──► Worker, one a Pod:   seen + wanted + progress ──► plan ──► actions ──► runtime
//!   runtime events ──┘            ▲                                             └──► status ──► API server
//!   probes, timers ───────────────┘
//! ```
//!
//! A worker sleeps until something happens; then it plans anew from everything it knows and starts what is to be done.

mod admission;
mod backoff;
mod cgroup;
mod config;
mod context;
mod events;
mod inbox;
mod manager;
pub(crate) mod object;
mod orders;
mod plan;
mod progress;
mod pulls;
mod resize;
mod seen;
mod simulated;
mod status;
mod step;
mod stop;
mod work;
mod worker;

pub(crate) use self::cgroup::pids_of_pod;
pub(crate) use self::config::dns::{Resolvers, parse as parse_resolv_conf};
pub(crate) use self::config::env::{Sources, expand_text as expand, references as env_references};
pub(crate) use self::config::fields;
pub(crate) use self::context::Context;
pub(crate) use self::manager::Manager;
pub(crate) use self::orders::{Cause, Eviction, Orders};
pub(crate) use self::simulated::Simulated;
pub use self::stop::{release_host, remove_all_pods, stop_all_pods, unmount_below};
pub(crate) use self::work::{delete_object, patch_status};
