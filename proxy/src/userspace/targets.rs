//! Whose turn it is.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddrV4};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Clients that are remembered; at the bound all whose time is over are forgotten, then all.
const REMEMBERED_CLIENTS: usize = 65_536;

/// The endpoints of a proxy, which take turns.
#[derive(Default)]
pub(super) struct Targets(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    endpoints: Vec<SocketAddrV4>,
    next: usize,
    affinity: Option<Duration>,
    clients: HashMap<IpAddr, (SocketAddrV4, Instant)>,
}

impl Targets {
    /// The endpoints from now on, and how long a client stays with one.
    pub(super) fn set(&self, endpoints: &BTreeSet<SocketAddrV4>, affinity_seconds: Option<u32>) {
        let mut turns = self.0.lock();
        turns.endpoints = endpoints.iter().copied().collect();
        turns.affinity = affinity_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        turns.clients.retain(|_, (at, _)| endpoints.contains(at));
    }

    /// Whether an endpoint is still one.
    pub(super) fn has(&self, endpoint: &SocketAddrV4) -> bool {
        self.0.lock().endpoints.contains(endpoint)
    }

    /// The endpoint for a new connection of a client.
    pub(super) fn choose(&self, client: IpAddr) -> Option<SocketAddrV4> {
        let mut turns = self.0.lock();
        let (affinity, now) = (turns.affinity, Instant::now());
        let stays = |(_, since): &&(SocketAddrV4, Instant)| {
            affinity.is_some_and(|affinity| now.duration_since(*since) < affinity)
        };
        let known = turns.clients.get(&client).filter(stays).map(|(at, _)| *at);
        let chosen = match known {
            Some(at) => at,
            None => turns.turn()?,
        };
        if affinity.is_some() {
            turns.remember(client, chosen, now);
        }
        Some(chosen)
    }
}

impl Turns {
    fn turn(&mut self) -> Option<SocketAddrV4> {
        let at = *self
            .endpoints
            .get(self.next % self.endpoints.len().max(1))?;
        self.next = (self.next + 1) % self.endpoints.len();
        Some(at)
    }

    fn remember(&mut self, client: IpAddr, at: SocketAddrV4, now: Instant) {
        if self.clients.len() >= REMEMBERED_CLIENTS {
            let affinity = self.affinity.unwrap_or_default();
            self.clients
                .retain(|_, (_, since)| now.duration_since(*since) < affinity);
        }
        if self.clients.len() >= REMEMBERED_CLIENTS {
            self.clients.clear();
        }
        self.clients.insert(client, (at, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::addresses;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    #[test]
    fn endpoints_take_turns_and_may_change() {
        let targets = Targets::default();
        assert_eq!(targets.choose(CLIENT), None);
        targets.set(&addresses(&["10.0.0.1:80", "10.0.0.2:80"]), None);
        let chosen: Vec<_> = (0..3).filter_map(|_| targets.choose(CLIENT)).collect();
        assert_eq!((chosen[0], chosen[0] != chosen[1]), (chosen[2], true));
        targets.set(&addresses(&["10.0.0.3:80"]), None);
        assert_eq!(targets.choose(CLIENT), "10.0.0.3:80".parse().ok());
        targets.set(&BTreeSet::new(), None);
        assert_eq!(targets.choose(CLIENT), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_stays_until_its_time_is_over_or_its_endpoint_gone() {
        let targets = Targets::default();
        targets.set(&addresses(&["10.0.0.1:80", "10.0.0.2:80"]), Some(60));
        let first = targets.choose(CLIENT);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(targets.choose(CLIENT), first, "each connection counts anew");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(targets.choose(CLIENT), first);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_ne!(targets.choose(CLIENT), first);
        let left = addresses(&["10.0.0.1:80"]);
        targets.set(&left, Some(60));
        assert_eq!(targets.choose(CLIENT), left.first().copied());
    }
}
