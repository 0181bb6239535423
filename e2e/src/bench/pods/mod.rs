//! From the create of a Pod to its Running, beside the raw CRI calls for the same sandbox and container.
//!
//! ```text
//!   create ──► API server ──► scheduler ──► kubelet ──► CRI ──► kubelet ──► API server ──► watch
//!                                                        ▲
//!   configuration of a Pod that runs, read back ── raw ──┘
//! ```
//! Once one after the other (`one_by_one`), once all that a node takes at the same time (`full_node`).

mod bed;
mod complete;
mod cri;
mod full_node;
mod one_by_one;
mod pod;
mod stages;
mod template;

pub(super) use bed::Place;
pub(super) use full_node::measure as full_node;
pub(super) use one_by_one::measure as one_by_one;
