//! Which part of the Pod addresses is free.

use std::collections::HashSet;

use ipnet::IpNet;

/// A node's part in IPv4 (kube-controller-manager's `--node-cidr-mask-size`).
const V4_PREFIX: u8 = 24;
/// A node's part in IPv6.
const V6_PREFIX: u8 = 64;

/// The first part of `cluster` that overlaps none of `used`; none if all are given away.
pub(super) fn first_free(cluster: IpNet, used: &HashSet<IpNet>) -> Option<IpNet> {
    let prefix = match cluster {
        IpNet::V4(_) => V4_PREFIX,
        IpNet::V6(_) => V6_PREFIX,
    };
    let mut parts = cluster
        .trunc()
        .subnets(prefix.max(cluster.prefix_len()))
        .ok()?;
    // Nodes have parts of the size in use, so that a look-up suffices; other sizes were given by a person.
    let odd: Vec<&IpNet> = used
        .iter()
        .filter(|used| used.prefix_len() != prefix)
        .collect();
    let overlaps = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
    parts.find(|part| !used.contains(part) && !odd.iter().any(|odd| overlaps(odd, part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_given_in_order_and_once() {
        let cases: [(&str, &[&str], Option<&str>); 6] = [
            ("10.244.0.0/16", &[], Some("10.244.0.0/24")),
            (
                "10.244.0.0/16",
                &["10.244.0.0/24", "10.244.2.0/24"],
                Some("10.244.1.0/24"),
            ),
            ("10.244.0.0/16", &["10.244.0.0/23"], Some("10.244.2.0/24")),
            ("10.244.0.0/24", &["10.244.0.0/24"], None),
            ("10.244.7.0/26", &[], Some("10.244.7.0/26")),
            ("fd00::/56", &["fd00::/64"], Some("fd00:0:0:1::/64")),
        ];
        for (cluster, used, expected) in cases {
            let used = used.iter().map(|used| used.parse().unwrap()).collect();
            let expected = expected.map(|part| part.parse().unwrap());
            assert_eq!(
                first_free(cluster.parse().unwrap(), &used),
                expected,
                "{cluster} {used:?}"
            );
        }
    }
}
