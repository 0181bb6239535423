//! What Services hold beside themselves: addresses of the service CIDR and node ports; and where they lead.
//!
//! What is held is a key of its own in the store, written in the same batch as the Service and only if it is absent: two
//! Services can never get the same one, whoever wins. Those of addresses are IPAddresses, as users see them.

mod addresses;
mod claims;
mod endpoints;
mod plan;
mod ranges;

pub(crate) use addresses::{ADDRESSES, Missing, all_missing, missing_again};
pub(crate) use claims::Claims;
pub(crate) use endpoints::endpoints;
pub(crate) use ranges::Ranges;
