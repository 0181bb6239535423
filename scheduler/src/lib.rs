//! Places Pods on Nodes.
//!
//! In: Pods without a node, and the Nodes with the Pods they carry. Out: bindings, events, the `PodScheduled` condition.
//!
//! ```text
//!   informers ──► Cache (NodeInfo a node, assumed Pods) ──snapshot──┐
//!        └──key──► queue ──► schedule one ──► place: filter ─► score ──► bind
//!                    ▲                            │ nowhere
//!                    └───── a change that may help ◄┘ waiting
//! ```
//!
//! [`place`](place::place) is pure; a rule is one file in `plugins/` with its table of cases.

mod cache;
mod node_info;
mod place;
mod plugins;
mod resources;
mod run;
mod waiting;

pub use run::{Config, run};
