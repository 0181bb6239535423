//! The ranges that Services take addresses and node ports from.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use rand::Rng as _;
use serde_json::Value;
use skiff_api::field::{Error, Errors, Path};
use skiff_store::{Key, Snapshot};

use super::addresses::{self, ADDRESSES};
use super::claims::{Claim, Claims};
use super::plan;
use crate::config::Config;

const PORT_PREFIX: &str = "/ranges/nodeports/";
/// How many random picks are tried before the range is searched from its start.
const RANDOM_PICKS: usize = 32;

/// The service CIDR and the node ports.
pub(crate) struct Ranges {
    addresses: IpNet,
    ports: RangeInclusive<u16>,
    /// Never picked, only given to who asks for it.
    reserved: IpAddr,
}

/// What the server chose itself, and may choose anew when another Service was faster.
#[derive(Default)]
struct Picked {
    address: Option<String>,
    ports: Vec<u16>,
}

impl Ranges {
    /// The ranges of a configuration.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            addresses: config.service_cidr,
            ports: config.node_ports.clone(),
            reserved: config.cluster_dns,
        }
    }

    /// The first address: that of `default/kubernetes`.
    pub(crate) fn first_address(&self) -> IpAddr {
        self.address(1)
    }

    /// Settles addresses and ports of a Service, `new`, that replaces `old`, and says what that takes and frees.
    pub(crate) fn plan(
        &self,
        snapshot: &Snapshot,
        old: Option<&Value>,
        new: Option<&mut Value>,
    ) -> Result<Claims, Errors> {
        let held = old.map(plan::holdings).unwrap_or_default();
        let (mut wanted, mut picked) = (plan::Holdings::default(), Picked::default());
        let mut service = &Value::Null;
        if let Some(new) = new {
            plan::inherit(new, old);
            picked = self.settle(snapshot, new, &held)?;
            wanted = plan::holdings(new);
            service = new;
        }
        let mut claims = Claims::default();
        self.claim_addresses(service, &held, &wanted, &picked, &mut claims)?;
        self.claim_ports(&held, &wanted, &picked, &mut claims)?;
        // A key that is not there, for whatever reason, must not keep the Service from going.
        claims.release.retain(|key| snapshot.get(key).is_some());
        Ok(claims)
    }

    /// Fills in what the Service leaves to the server.
    fn settle(
        &self,
        snapshot: &Snapshot,
        new: &mut Value,
        held: &plan::Holdings,
    ) -> Result<Picked, Errors> {
        let mut picked = Picked::default();
        if plan::needs_address(new) {
            let address = self.free_address(snapshot).ok_or_else(|| {
                let path = Path::root("spec").child("clusterIPs").index(0);
                vec![Error::invalid(
                    &path,
                    Value::Array(Vec::new()),
                    "failed to allocate IP: range is full",
                )]
            })?;
            plan::set_address(new, address);
            picked.address = Some(address.to_string());
        }
        let mut taken: Vec<u16> = held.ports.iter().map(|held| held.port).collect();
        for place in plan::ports_to_pick(new) {
            taken.extend(&picked.ports);
            let port = self.free_port(snapshot, &taken).ok_or_else(|| {
                vec![Error::invalid(
                    &place.path(),
                    0,
                    "failed to allocate a nodePort: range is full",
                )]
            })?;
            picked.ports.push(port);
            plan::set_port(new, place, port);
        }
        Ok(picked)
    }

    fn claim_addresses(
        &self,
        service: &Value,
        held: &plan::Holdings,
        wanted: &plan::Holdings,
        picked: &Picked,
        claims: &mut Claims,
    ) -> Result<(), Errors> {
        let path = Path::root("spec").child("clusterIPs").index(0);
        for address in wanted
            .addresses
            .iter()
            .filter(|it| !held.addresses.contains(it))
        {
            let parsed: Option<IpAddr> = address.parse().ok();
            let inside = parsed.is_some_and(|address| self.has_address(address));
            if !inside {
                let why = format!(
                    "failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. The range of valid IPs is {}",
                    self.addresses
                );
                return Err(vec![Error::invalid(&path, vec![address.clone()], why)]);
            }
            claims.acquire.push(Claim {
                key: key(ADDRESSES, &addresses::name(address))?,
                object: Some(addresses::object(address, service)),
                taken: (picked.address.as_ref() != Some(address)).then(|| {
                    let why = format!(
                        "failed to allocate IP {address}: provided IP is already allocated"
                    );
                    Error::invalid(&path, vec![address.clone()], why)
                }),
            });
        }
        for address in held
            .addresses
            .iter()
            .filter(|it| !wanted.addresses.contains(it))
        {
            let key = key(ADDRESSES, &addresses::name(address))?;
            claims.release.push(key);
        }
        Ok(())
    }

    fn claim_ports(
        &self,
        held: &plan::Holdings,
        wanted: &plan::Holdings,
        picked: &Picked,
        claims: &mut Claims,
    ) -> Result<(), Errors> {
        let has = |all: &[plan::HeldPort], port: u16| all.iter().any(|held| held.port == port);
        let mut seen = Vec::new();
        for &plan::HeldPort { place, port } in &wanted.ports {
            // One number may serve several protocols of the same Service.
            if has(&held.ports, port) || seen.contains(&port) {
                continue;
            }
            seen.push(port);
            let path = place.path();
            if !self.ports.contains(&port) {
                let why = format!(
                    "provided port is not in the valid range. The range of valid ports is {}-{}",
                    self.ports.start(),
                    self.ports.end()
                );
                return Err(vec![Error::invalid(&path, port, why)]);
            }
            claims.acquire.push(Claim {
                key: key(PORT_PREFIX, &port.to_string())?,
                object: None,
                taken: (!picked.ports.contains(&port))
                    .then(|| Error::invalid(&path, port, "provided port is already allocated")),
            });
        }
        for &plan::HeldPort { port, .. } in &held.ports {
            let key = key(PORT_PREFIX, &port.to_string())?;
            if !has(&wanted.ports, port) && !claims.release.contains(&key) {
                claims.release.push(key);
            }
        }
        Ok(())
    }

    /// How many addresses can be given: all but the network's own and the broadcast address.
    fn size(&self) -> u32 {
        let bits = self.addresses.max_prefix_len() - self.addresses.prefix_len();
        1u32.checked_shl(bits.into())
            .unwrap_or(u32::MAX)
            .saturating_sub(2)
    }

    fn address(&self, offset: u32) -> IpAddr {
        match self.addresses.network() {
            IpAddr::V4(network) => Ipv4Addr::from(u32::from(network).wrapping_add(offset)).into(),
            IpAddr::V6(network) => {
                let address = u128::from(network).wrapping_add(offset.into());
                std::net::Ipv6Addr::from(address).into()
            }
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
            && address != self.addresses.network()
            && address != self.addresses.broadcast()
    }

    /// A free address: at random from the upper part of the range, which leaves the lower one to those who choose
    /// their address themselves (KEP-3070), else the first one that is free.
    fn free_address(&self, snapshot: &Snapshot) -> Option<IpAddr> {
        let size = self.size();
        let band = (size / 16).clamp(16.min(size), 256);
        let free = |address: &IpAddr| {
            *address != self.reserved && snapshot.get(&format!("{ADDRESSES}{address}")).is_none()
        };
        let picks = (0..RANDOM_PICKS)
            .filter(|_| band < size)
            .map(|_| rand::rng().random_range(band + 1..=size));
        picks
            .chain(band + 1..=size)
            .chain(1..=band)
            .map(|offset| self.address(offset))
            .find(free)
    }

    fn free_port(&self, snapshot: &Snapshot, taken: &[u16]) -> Option<u16> {
        let free = |port: &u16| {
            !taken.contains(port) && snapshot.get(&format!("{PORT_PREFIX}{port}")).is_none()
        };
        let picks = (0..RANDOM_PICKS).map(|_| rand::rng().random_range(self.ports.clone()));
        picks.chain(self.ports.clone()).find(free)
    }
}

fn key(prefix: &str, name: &str) -> Result<Key, Errors> {
    Key::new(format!("{prefix}{name}")).map_err(|error| {
        let path = Path::root("spec");
        vec![Error::invalid(&path, name, error.to_string())]
    })
}
