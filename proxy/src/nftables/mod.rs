//! The nftables dataplane: one table, maps instead of a chain for each Service.
//!
//! ```text
//!   packet ─► services: (address, protocol, port) ─► turn_3_0: counts 0,1,2,0,… ─► endpoints: (…, count) ─► Pod
//! ```
//!
//! A turn chain counts in the kernel. Services with as many endpoints share [`rules::TURNS`] of them, so that up to that
//! many Services each count for themselves. With session affinity a hash of the client's address stands for the count.

mod apply;
mod base;
mod rules;
mod script;

pub(crate) use apply::{Nftables, load};
pub(crate) use base::Base;
pub(crate) use rules::Rules;
