//! One range of addresses: pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rand::Rng as _;

/// How many random picks are tried before the range is searched from its start.
const RANDOM_PICKS: usize = 32;

/// A range that Services have their addresses from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pool(pub(super) IpNet);

impl Pool {
    /// The address that far into the range.
    pub(super) fn address(self, offset: u32) -> IpAddr {
        match self.0.network() {
            IpAddr::V4(network) => Ipv4Addr::from(u32::from(network).wrapping_add(offset)).into(),
            IpAddr::V6(network) => {
                Ipv6Addr::from(u128::from(network).wrapping_add(offset.into())).into()
            }
        }
    }

    /// Whether an address of the range can be given: all but the network's own and the broadcast address.
    pub(super) fn gives(self, address: IpAddr) -> bool {
        address != self.0.network() && address != self.0.broadcast()
    }

    /// A free address: at random from the upper part of the range, which leaves the lower one to those who choose
    /// their address themselves (KEP-3070), else the first one that is free.
    pub(super) fn pick(self, is_free: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let size = self.size();
        let band = (size / 16).clamp(16.min(size), 256);
        let picks = (0..RANDOM_PICKS)
            .filter(|_| band < size)
            .map(|_| rand::rng().random_range(band + 1..=size));
        picks
            .chain(band + 1..=size)
            .chain(1..=band)
            .map(|offset| self.address(offset))
            .find(is_free)
    }

    /// How many addresses can be given.
    fn size(self) -> u32 {
        let bits = self.0.max_prefix_len() - self.0.prefix_len();
        1u32.checked_shl(bits.into())
            .unwrap_or(u32::MAX)
            .saturating_sub(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(range: &str) -> Pool {
        Pool(range.parse().expect("a range"))
    }

    #[test]
    fn the_last_free_address_is_found() {
        let last: IpAddr = "10.0.0.1".parse().expect("an address");
        assert_eq!(pool("10.0.0.0/29").pick(|it| *it == last), Some(last));
        assert_eq!(pool("10.0.0.0/29").pick(|_| false), None);
        assert_eq!(pool("10.0.0.7/32").pick(|_| true), None);
    }

    #[test]
    fn neither_end_is_given() {
        let given = |address: &str| pool("10.0.0.0/29").gives(address.parse().expect("an address"));
        assert_eq!(
            ["10.0.0.0", "10.0.0.1", "10.0.0.7"].map(given),
            [false, true, false]
        );
    }
}
