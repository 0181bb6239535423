//! The CustomResourceDefinitions of the cluster: which kinds they make.
//!
//! ```text
//!   a definition changes ──► Definitions (names, kinds) ──► Kinds: served from now on
//! ```
//!
//! A kind is served before its definition says so: who waits for the condition `Established` finds it. What is written
//! into the definitions, `upkeep` writes.

mod known;

pub(crate) use known::{Definitions, NewStatus, PREFIX, Terminating};
