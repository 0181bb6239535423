//! What Services hold beside themselves: addresses of the service CIDR and node ports.
//!
//! Each is a key of its own in the store, written in the same batch as the Service and only if it is absent: two Services
//! can never get the same one, whoever wins. Those of addresses are IPAddresses, as users see them.

mod addresses;
mod claims;
mod plan;
mod ranges;

pub(crate) use addresses::{ADDRESSES, Missing, all_missing, missing_again};
pub(crate) use claims::Claims;
pub(crate) use ranges::Ranges;
