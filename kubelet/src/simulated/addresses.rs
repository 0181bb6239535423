//! The addresses of simulated nodes and Pods.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use skiff_client::ObjectKey;

/// Where they are taken from: reserved for future use (RFC 1112, section 4), so that nobody is there.
const RANGE: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 0);
/// How many parts of 256 addresses are used, a node each.
pub(super) const PARTS: u32 = 1 << 16;

/// Parts of the range that no node has, in their order.
pub(super) fn free_parts(used: HashSet<Ipv4Net>) -> impl Iterator<Item = Ipv4Net> {
    let part = |number| {
        let first = Ipv4Addr::from(u32::from(RANGE) + (number << 8));
        Ipv4Net::new_assert(first, 24)
    };
    (0..PARTS)
        .map(part)
        .filter(move |part| !used.contains(part))
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

    /// The Pod's address: the one it was told to have or has been given, or the first free one of its node's; none if all
    /// are taken.
    pub(super) fn take(
        &mut self,
        pod: &ObjectKey,
        uid: &str,
        told: Option<Ipv4Addr>,
        part: Ipv4Net,
    ) -> Option<Ipv4Addr> {
        if let Some(told) = told {
            self.note(pod, uid, told);
            return Some(told);
        }
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
        if let Some((_, address)) = self.of.remove(pod)
            && self.by_address.get(&address) == Some(pod)
        {
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
        let used = ["240.0.0.0/24", "10.244.0.0/24"].map(|part| part.parse().expect("a part"));
        let part = free_parts(used.into()).next().expect("a free part");
        assert_eq!(part.to_string(), "240.0.1.0/24");
        let address = |text: &str| -> Option<Ipv4Addr> { Some(text.parse().expect("an address")) };
        let mut addresses = Addresses::default();
        addresses.note(&pod("known"), "1", Ipv4Addr::new(240, 0, 1, 2));
        let take = |addresses: &mut Addresses, name: &str, uid: &str| {
            addresses.take(&pod(name), uid, None, part)
        };
        assert_eq!(take(&mut addresses, "a", "2"), address("240.0.1.3"));
        assert_eq!(take(&mut addresses, "a", "2"), address("240.0.1.3"));
        addresses.release(&pod("known"));
        assert_eq!(take(&mut addresses, "b", "3"), address("240.0.1.2"));
        // Another Pod of that name.
        assert_eq!(take(&mut addresses, "b", "4"), address("240.0.1.2"));
        // Somebody else gave it one, which another had as well.
        let told = address("240.0.1.2");
        assert_eq!(addresses.take(&pod("c"), "5", told, part), told);
        addresses.release(&pod("b"));
        assert_eq!(take(&mut addresses, "d", "6"), address("240.0.1.4"));
        let small = Ipv4Net::new_assert(Ipv4Addr::new(240, 9, 9, 0), 30);
        let last = addresses.take(&pod("e"), "7", None, small);
        assert_eq!(last, address("240.9.9.2"));
        assert_eq!(addresses.take(&pod("f"), "8", None, small), None);
    }
}
