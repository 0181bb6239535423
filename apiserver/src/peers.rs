//! The API servers of the cluster that live. Each renews a Lease in `kube-system`, as those of Kubernetes do (KEP-1965),
//! which tells its address as well; one whose Lease is not renewed is lost.
//!
//! What was silent for how long is measured by the clock of this machine alone, but for what it finds at its start.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skiff_api::leases;
use skiff_store::{Change, Entry, Key, Revision, Snapshot};
use tokio::time::Instant;

use crate::codec::part_of;
use crate::config::Config;

/// Where their Leases are in the store.
pub(crate) const PREFIX: &str = "/registry/coordination.k8s.io/leases/kube-system/apiserver-";
/// The annotation with the address of the server.
const ADDRESS: &str = "skiff.dev/address";

/// The API servers that live: this one, and others while they renew their Leases.
pub(crate) struct Peers {
    address: IpAddr,
    name: String,
    /// How long one may be silent; none where there are no others.
    lease: Option<Duration>,
    /// When this one has renewed its own Lease last.
    renewed: Mutex<Instant>,
    others: Mutex<BTreeMap<Key, Other>>,
}

/// Another server, at its last sign of life.
struct Other {
    address: IpAddr,
    revision: Revision,
    /// When it is lost.
    end: Instant,
}

impl Peers {
    pub(crate) fn new(config: &Config) -> Self {
        let place = format!("{}:{}", config.advertise, config.port);
        let digest = Sha256::digest(place.as_bytes());
        let hash: String = digest
            .iter()
            .take(8)
            .map(|it| format!("{it:02x}"))
            .collect();
        Self {
            address: config.advertise,
            name: format!("apiserver-{hash}"),
            lease: config.server_lease,
            renewed: Mutex::new(Instant::now()),
            others: Mutex::default(),
        }
    }

    /// How long a server may be silent; none where there are no others.
    pub(crate) fn lease(&self) -> Option<Duration> {
        self.lease
    }

    /// Where all of them are, in order.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let others = self.others.lock();
        let mut all: Vec<IpAddr> = others.values().map(|other| other.address).collect();
        all.push(self.address);
        all.sort();
        all.dedup();
        all
    }

    /// The Lease of this one, renewed.
    pub(crate) fn renewed(&self, now: Timestamp) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "namespace": "kube-system",
                "labels": {"apiserver.kubernetes.io/identity": "kube-apiserver"},
                "annotations": {ADDRESS: self.address.to_string()},
            },
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": self.lease.unwrap_or_default().as_secs(),
                "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            },
        })
    }

    /// Whether this is the Lease of this one.
    pub(crate) fn is_own(&self, key: &Key) -> bool {
        key.rsplit('/').next() == Some(self.name.as_str())
    }

    /// Takes over all that stands. For how long a Lease was not renewed only its own time tells here.
    pub(crate) fn read(&self, snapshot: &Snapshot) {
        self.others.lock().clear();
        for entry in snapshot.range(PREFIX, None) {
            self.saw(entry, |lease| leases::silent(lease, Timestamp::now()));
        }
    }

    /// Takes over a change.
    pub(crate) fn apply(&self, change: &Change) {
        match change {
            Change::Put { entry, .. } => self.saw(entry, |_| Duration::ZERO),
            Change::Delete { previous, .. } => {
                self.others.lock().remove(&previous.key);
            }
        }
    }

    fn saw(&self, entry: &Entry, silent: impl FnOnce(&Lease) -> Duration) {
        let lease: Lease = part_of(&entry.value).unwrap_or_default();
        let annotations = lease.metadata.annotations.as_ref();
        let address = annotations.and_then(|all| all.get(ADDRESS)?.parse().ok());
        let (Some(address), false) = (address, self.is_own(&entry.key)) else {
            return;
        };
        let other = Other {
            address,
            revision: entry.revision,
            end: Instant::now() + leases::rest(&lease, silent(&lease)),
        };
        self.others.lock().insert(entry.key.clone(), other);
    }

    /// This one has renewed its Lease. If it could not for a while, perhaps nobody could: the others have a whole term again.
    pub(crate) fn has_renewed(&self) {
        if !self.can_judge() {
            let end = Instant::now() + self.lease.unwrap_or_default();
            for other in self.others.lock().values_mut() {
                other.end = other.end.max(end);
            }
        }
        *self.renewed.lock() = Instant::now();
    }

    /// Whether those that are silent are lost, and not what all of them write to. Of a Lease that is renewed three times in its
    /// term more than a half is left when writes begin to fail, so no other ends before this no longer holds.
    fn can_judge(&self) -> bool {
        self.renewed.lock().elapsed() < self.lease.unwrap_or_default() / 2
    }

    /// When the next one is lost, unless it renews its Lease; none while that cannot be judged.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        if !self.can_judge() {
            return None;
        }
        self.others.lock().values().map(|other| other.end).min()
    }

    /// Forgets those that are lost, and says which Leases those are.
    pub(crate) fn forget_lost(&self) -> Vec<(Key, Revision)> {
        let now = Instant::now();
        let mut lost = Vec::new();
        if !self.can_judge() {
            return lost;
        }
        self.others.lock().retain(|key, other| {
            let lives = other.end > now;
            if !lives {
                lost.push((key.clone(), other.revision));
            }
            lives
        });
        lost
    }
}

#[cfg(test)]
mod tests {
    use skiff_store::Value as Stored;

    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn peers(address: [u8; 4], name: &str) -> Peers {
        Peers {
            address: address.into(),
            name: format!("apiserver-{name}"),
            lease: Some(LEASE),
            renewed: Mutex::new(Instant::now()),
            others: Mutex::default(),
        }
    }

    fn entry(of: &Peers) -> Entry {
        let key = Key::new(format!(
            "{}{}",
            PREFIX.trim_end_matches("apiserver-"),
            of.name
        ));
        let lease = of.renewed(Timestamp::now()).to_string();
        let at = Revision(1);
        Entry::new(key.expect("a key"), &Stored::plain(lease), at, at)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_lives_as_long_as_it_renews_its_lease() {
        let (own, other) = (peers([192, 0, 2, 2], "b"), peers([192, 0, 2, 1], "a"));
        let shown = || -> Vec<String> {
            let all = own.addresses().into_iter();
            all.map(|address| address.to_string()).collect()
        };
        let change = || Change::Put {
            entry: entry(&other),
            previous: None,
        };
        assert_eq!(shown(), ["192.0.2.2"]);
        assert_eq!(own.next_end(), None);
        own.apply(&change());
        assert_eq!(shown(), ["192.0.2.1", "192.0.2.2"]);
        tokio::time::advance(LEASE * 2 / 3).await;
        own.apply(&change());
        tokio::time::advance(LEASE * 2 / 3).await;
        own.has_renewed();
        assert!(own.forget_lost().is_empty(), "it renewed its Lease");
        wait(&own, LEASE).await;
        assert_eq!(own.forget_lost(), [(entry(&other).key, Revision(1))]);
        assert_eq!(shown(), ["192.0.2.2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_lost_while_nobody_can_renew() {
        let (own, other) = (peers([192, 0, 2, 2], "b"), peers([192, 0, 2, 1], "a"));
        let entry = entry(&other);
        own.apply(&Change::Put {
            entry: entry.clone(),
            previous: None,
        });
        tokio::time::advance(LEASE * 3).await;
        assert_eq!(own.next_end(), None);
        assert!(own.forget_lost().is_empty(), "perhaps it could not");
        own.has_renewed();
        assert_eq!(own.next_end(), Some(Instant::now() + LEASE));
        wait(&own, LEASE).await;
        assert_eq!(own.forget_lost(), [(entry.key, Revision(1))]);
    }

    /// Lets time pass in which this one renews its Lease.
    async fn wait(own: &Peers, time: Duration) {
        for _ in 0..3 {
            tokio::time::advance(time / 3).await;
            own.has_renewed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_found_at_the_start_has_lasted_for_a_while() {
        let (own, other) = (peers([192, 0, 2, 2], "b"), peers([192, 0, 2, 1], "a"));
        own.saw(&entry(&other), |_| LEASE / 3);
        assert_eq!(own.next_end(), Some(Instant::now() + LEASE * 2 / 3));
        // One's own of an earlier start is not another server.
        own.saw(&entry(&own), |_| LEASE / 3);
        assert_eq!(own.addresses().len(), 2);
    }
}
