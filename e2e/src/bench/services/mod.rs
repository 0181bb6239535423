//! One of many Services changes: how long until the kernel has it, and what many cost the first packet.
//!
//! ```text
//!   slice replaced ──► API server ──► proxy ──► kernel ──► its acknowledgement is stamped: the trace
//!                                                 ▲
//!   the same by nft or ipvsadm ──────── by hand ──┘
//! ```

mod changes;
mod clocks;
mod filling;
mod first_packet;
mod in_ipvs;
mod in_kernel;
mod in_nftables;
mod nft;
mod objects;
mod start;

pub(super) use in_ipvs::measure as ipvs;
pub(super) use in_nftables::measure as nftables;
