//! The kernel's netfilter over netlink: connections to forget, and news of rules that others changed.

mod conntrack;
mod message;
mod monitor;
mod socket;

pub(crate) use conntrack::{Conntrack, datagram_fronts};
pub(crate) use monitor::{Monitor, Trouble};
