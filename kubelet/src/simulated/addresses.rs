//! The addresses of simulated Pods.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use skiff_client::ObjectKey;

/// Where they are taken from: reserved for future use (RFC 1112, section 4), so that nobody is there and nothing is routed to
/// them, and of no cluster's Pods.
pub(super) const RANGE: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 0);

/// The addresses of Pods on the node of that number.
pub(super) fn part(node: u32) -> Ipv4Net {
    let first = Ipv4Addr::from(u32::from(RANGE) + (node << 8));
    Ipv4Net::new_assert(first, 24)
}

/// Who has which address.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The Pod's uid and address.
    of: HashMap<ObjectKey, (String, Ipv4Addr)>,
    by_address: BTreeMap<Ipv4Addr, ObjectKey>,
}

impl Addresses {
    /// Notes an address that a Pod has.
    pub(super) fn note(&mut self, pod: &ObjectKey, uid: &str, address: Ipv4Addr) {
        self.release(pod);
        self.by_address.insert(address, pod.clone());
        self.of.insert(pod.clone(), (uid.to_owned(), address));
    }

    /// The Pod's address: the one it has, or the first free one of its node's; none if all are taken.
    pub(super) fn take(&mut self, pod: &ObjectKey, uid: &str, part: Ipv4Net) -> Option<Ipv4Addr> {
        match self.of.get(pod) {
            Some((known, address)) if known == uid => return Some(*address),
            _ => self.release(pod),
        }
        // The network's first address is the node's.
        let mut free = part.hosts().skip(1);
        let address = free.find(|address| !self.by_address.contains_key(address))?;
        self.note(pod, uid, address);
        Some(address)
    }

    /// The Pod is gone.
    pub(super) fn release(&mut self, pod: &ObjectKey) {
        if let Some((_, address)) = self.of.remove(pod) {
            self.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_had_by_one_pod_until_it_goes() {
        let pod = |name: &str| ObjectKey::new("default", name);
        let part = part(258);
        assert_eq!(part.to_string(), "240.1.2.0/24");
        let address = |text: &str| -> Option<Ipv4Addr> { Some(text.parse().expect("an address")) };
        let mut addresses = Addresses::default();
        addresses.note(&pod("known"), "1", Ipv4Addr::new(240, 1, 2, 2));
        assert_eq!(addresses.take(&pod("a"), "2", part), address("240.1.2.3"));
        assert_eq!(addresses.take(&pod("a"), "2", part), address("240.1.2.3"));
        addresses.release(&pod("known"));
        assert_eq!(addresses.take(&pod("b"), "3", part), address("240.1.2.2"));
        // Another Pod of that name.
        assert_eq!(addresses.take(&pod("b"), "4", part), address("240.1.2.2"));
        let small = Ipv4Net::new_assert(Ipv4Addr::new(240, 9, 9, 0), 30);
        assert_eq!(addresses.take(&pod("c"), "5", small), address("240.9.9.2"));
        assert_eq!(addresses.take(&pod("d"), "6", small), None);
    }
}
