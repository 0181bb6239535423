//! The kernel's netfilter over netlink: connections to forget, elements of sets, and news of rules that others changed.

mod conntrack;
mod elements;
mod message;
mod monitor;
mod socket;

pub(crate) use conntrack::{Conntrack, datagram_fronts};
pub(crate) use elements::{Data, Element, Elements};
pub(crate) use monitor::{Monitor, Trouble};
