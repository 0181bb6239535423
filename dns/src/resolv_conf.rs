//! The upstreams that a resolv.conf names: pure.

use std::net::{IpAddr, SocketAddr};

/// The port of the name servers in a resolv.conf.
const PORT: u16 = 53;

/// The most that resolvers take (resolv.conf(5), MAXNS).
const MOST: usize = 3;

/// The name servers in `text`, without those that would lead back here: `own`. Another name server on an own address but
/// another port is a good upstream.
pub(crate) fn upstreams(text: &str, own: &[SocketAddr]) -> Vec<SocketAddr> {
    let servers = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses =
        servers.filter_map(|rest| rest.split_whitespace().next()?.parse::<IpAddr>().ok());
    addresses
        .map(|address| SocketAddr::new(address, PORT))
        .filter(|address| !own.contains(address))
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_no_upstreams() {
        let text = "# a comment\nsearch example.test\nnameserver 10.96.0.10\nnameserver 192.0.2.1\nnameserver 192.0.2.53 # yes\nnameserver nonsense\nnameserver ::1\n";
        let own = [
            SocketAddr::from(([10, 96, 0, 10], 53)),
            SocketAddr::from(([192, 0, 2, 1], 10053)),
        ];
        let found: Vec<String> = upstreams(text, &own)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["192.0.2.1:53", "192.0.2.53:53", "[::1]:53"]);
        assert!(upstreams("", &own).is_empty());
    }
}
