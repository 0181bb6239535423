//! What Services hold beside themselves: addresses of ServiceCIDRs and node ports; and where they lead.
//!
//! What is held is a key of its own in the store, written in the same batch as the Service and only if it is absent: two
//! Services can never get the same one, whoever wins. Those of addresses are IPAddresses, as users see them.

mod addresses;
mod cidrs;
mod claims;
mod endpoints;
mod plan;
mod pool;
mod ranges;

pub(crate) use addresses::{ADDRESSES, Missing, all_missing, missing_again};
pub(crate) use cidrs::{CIDRS, ServiceCidr, all as service_cidrs, is_needed};
pub(crate) use claims::Claims;
pub(crate) use endpoints::endpoints;
pub(crate) use ranges::Ranges;
