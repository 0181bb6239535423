//! Services in the kernel.
//!
//! In: Services and EndpointSlices from list-watch. Out: virtual servers of IPVS, or maps of nftables, on this node.
//!
//! ```text
//!   Services ─────────┐                        ┌─► nftables: rules ─► script of the difference ─► nft
//!   EndpointSlices ───┴─► Model (pure, one) ───┤
//!                                              └─► IPVS: virtual servers ─► plan of the difference ─► netlink
//! ```
//!
//! The model is the same for every dataplane; a dataplane applies only what changed.

mod dataplane;
mod host;
mod ipvs;
mod model;
mod nftables;
mod run;

pub use run::{Config, Mode, run};
