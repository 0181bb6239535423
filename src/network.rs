//! What the machine says of itself.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// The host's name in lower case, as node names must be.
pub(crate) fn host_name() -> anyhow::Result<String> {
    let name = nix::unistd::gethostname().context("read the host's name")?;
    Ok(name.to_string_lossy().to_lowercase())
}

/// The address of the default route's interface, else the first one that is not loopback.
pub(crate) fn node_address() -> anyhow::Result<IpAddr> {
    let addresses = interface_addresses()?;
    let default = default_interface();
    let on_default = addresses
        .iter()
        .find(|(interface, _)| Some(interface) == default.as_ref());
    let (_, address) = on_default
        .or(addresses.first())
        .context("this machine has no IPv4 address but loopback; name one with --node-ip")?;
    Ok(IpAddr::V4(*address))
}

/// IPv4 addresses by interface, without loopback and link-local ones and those of skiff's own bridge.
fn interface_addresses() -> anyhow::Result<Vec<(String, Ipv4Addr)>> {
    let interfaces = getifaddrs().context("read the addresses of the interfaces")?;
    let up = interfaces.filter(|interface| {
        interface.flags.contains(InterfaceFlags::IFF_UP)
            && !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
            && interface.interface_name != "cni0"
    });
    let addressed = up.filter_map(|interface| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (!address.is_link_local()).then_some((interface.interface_name, address))
    });
    Ok(addressed.collect())
}

/// The interface of the default route with the lowest metric, from the kernel's routing table.
fn default_interface() -> Option<String> {
    let table = std::fs::read_to_string("/proc/self/net/route").ok()?;
    default_of(&table)
}

fn default_of(table: &str) -> Option<String> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_default = *fields.get(1)? == "00000000" && *fields.get(7)? == "00000000";
        let metric: u32 = fields.get(6)?.parse().ok()?;
        is_default.then(|| (metric, fields[0].to_owned()))
    };
    table
        .lines()
        .skip(1)
        .filter_map(route)
        .min()
        .map(|(_, interface)| interface)
}

#[cfg(test)]
mod tests {
    use super::default_of;

    const HEAD: &str =
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    #[test]
    fn the_default_route_with_the_lowest_metric_counts() {
        let cases = [
            ("", None),
            (
                "eth0\t000010AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
                None,
            ),
            (
                "wlan0\t00000000\t010010AC\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                 eth0\t00000000\t010010AC\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
                Some("eth0".to_owned()),
            ),
        ];
        for (routes, interface) in cases {
            assert_eq!(default_of(&format!("{HEAD}{routes}")), interface);
        }
    }
}
