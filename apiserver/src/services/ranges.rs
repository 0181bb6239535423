//! The ranges that Services take addresses and node ports from.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use rand::Rng as _;
use serde_json::Value;
use skiff_api::field::{Error, Errors, Path};
use skiff_store::{Key, Snapshot};

use super::addresses::{self, ADDRESSES};
use super::cidrs::{self, ServiceCidr};
use super::claims::{Claim, Claims};
use super::plan;
use super::pool::Pool;
use crate::config::Config;

const PORT_PREFIX: &str = "/ranges/nodeports/";
/// How many random picks are tried before the range is searched from its start.
const RANDOM_PICKS: usize = 32;

/// The ServiceCIDRs and the node ports.
pub(crate) struct Ranges {
    /// The cluster's first range: that of the ServiceCIDR `kubernetes`, when there is one.
    first: IpNet,
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
            first: config.service_cidr,
            ports: config.node_ports.clone(),
            reserved: config.cluster_dns,
        }
    }

    /// The first address: that of `default/kubernetes`.
    pub(crate) fn first_address(&self) -> IpAddr {
        Pool(self.first).address(1)
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
        let change = (&held, &wanted);
        self.claim_addresses(snapshot, service, change, &picked, &mut claims)?;
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
                vec![Error::invalid(
                    &cluster_ips(),
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

    /// The ranges that give addresses, the cluster's own first. Addresses are of its family.
    fn open(&self, snapshot: &Snapshot) -> Vec<(Pool, ServiceCidr)> {
        let is_v4 = self.first.addr().is_ipv4();
        let cidrs = cidrs::all(snapshot);
        let cidrs = cidrs.iter().filter(|cidr| cidr.is_open());
        let mut open: Vec<_> = cidrs
            .flat_map(|cidr| cidr.ranges.iter().map(move |range| (*range, cidr.clone())))
            .filter(|(range, _)| range.addr().is_ipv4() == is_v4)
            .collect();
        open.sort_by_key(|(range, _)| *range != self.first);
        let open = open.into_iter();
        open.map(|(range, cidr)| (Pool(range), cidr)).collect()
    }

    fn free_address(&self, snapshot: &Snapshot) -> Option<IpAddr> {
        let free = |address: &IpAddr| {
            *address != self.reserved && snapshot.get(&format!("{ADDRESSES}{address}")).is_none()
        };
        let mut open = self.open(snapshot).into_iter();
        open.find_map(|(pool, _)| pool.pick(free))
    }

    /// The ServiceCIDR that gives an address, or why none does.
    fn giver(&self, snapshot: &Snapshot, address: &str) -> Result<ServiceCidr, String> {
        let mut why = "the provided network does not match the current range".to_owned();
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(why);
        };
        for (pool, cidr) in self.open(snapshot) {
            if !pool.0.contains(&address) {
                continue;
            }
            if pool.gives(address) {
                return Ok(cidr);
            }
            let range = pool.0;
            why = format!(
                "the provided IP ({address}) is not in the valid range. The range of valid IPs is {range}"
            );
        }
        Err(why)
    }

    fn claim_addresses(
        &self,
        snapshot: &Snapshot,
        service: &Value,
        (held, wanted): (&plan::Holdings, &plan::Holdings),
        picked: &Picked,
        claims: &mut Claims,
    ) -> Result<(), Errors> {
        let (held, wanted) = (&held.addresses, &wanted.addresses);
        for address in wanted.iter().filter(|it| !held.contains(it)) {
            let refused = |why: &str| {
                let why = format!("failed to allocate IP {address}: {why}");
                Error::invalid(&cluster_ips(), vec![address.clone()], why)
            };
            let cidr = self.giver(snapshot, address);
            let cidr = cidr.map_err(|why| vec![refused(&why)])?;
            claims.require.push(cidr.unchanged());
            let is_picked = picked.address.as_ref() == Some(address);
            claims.acquire.push(Claim {
                key: key(ADDRESSES, &addresses::name(address))?,
                object: Some(addresses::object(address, service)),
                taken: (!is_picked).then(|| refused("provided IP is already allocated")),
            });
        }
        for address in held.iter().filter(|it| !wanted.contains(it)) {
            let key = key(ADDRESSES, &addresses::name(address))?;
            claims.release.push(key);
        }
        Ok(())
    }

    fn free_port(&self, snapshot: &Snapshot, taken: &[u16]) -> Option<u16> {
        let free = |port: &u16| {
            !taken.contains(port) && snapshot.get(&format!("{PORT_PREFIX}{port}")).is_none()
        };
        let picks = (0..RANDOM_PICKS).map(|_| rand::rng().random_range(self.ports.clone()));
        picks.chain(self.ports.clone()).find(free)
    }
}

/// The field that addresses are wrong in.
fn cluster_ips() -> Path {
    Path::root("spec").child("clusterIPs")
}

fn key(prefix: &str, name: &str) -> Result<Key, Errors> {
    Key::new(format!("{prefix}{name}")).map_err(|error| {
        let path = Path::root("spec");
        vec![Error::invalid(&path, name, error.to_string())]
    })
}
