//! Places Pods on Nodes.
//!
//! In: Pods without a node, the Nodes with the Pods they carry, claims and volumes. Out: bindings, chosen volumes, Pods
//! deleted to make room, events, the `PodScheduled` condition.
//!
//! ```text
//!   informers ──► Cache (NodeInfo a node, assumed Pods) ──► Cluster ──┐
//!        └─Pods─► Queue ──► schedule one ──► place: filter ─► score ──┴─► volumes ──► bind
//!                   ▲                            │ nowhere
//!                   │                            └──► preempt: victims ──► deleted
//!                   └── an event that may help, as the filters that refused it say ◄── waiting
//! ```
//!
//! [`place`](place::place) and [`preempt`](preempt::preempt) are pure; a rule is one file in `plugins/` with its table of
//! cases.

mod bind;
mod cache;
mod cluster;
mod event;
mod node_info;
mod place;
mod plugins;
mod preempt;
mod queue;
mod refuse;
mod resources;
mod run;
mod schedule;
mod scheduler;
mod volumes;

pub use run::{Config, run};
