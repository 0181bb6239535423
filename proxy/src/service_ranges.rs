//! The ranges that Services have addresses from, as ServiceCIDRs come and go (KEP-1880).

use std::sync::Arc;

use ipnet::Ipv4Net;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use skiff_client::{Informer, Informers};
use tokio::sync::Notify;

/// The cluster's own range, and those of ServiceCIDRs.
pub(crate) struct ServiceRanges {
    own: Ipv4Net,
    cidrs: Informer<ServiceCIDR>,
    changed: Arc<Notify>,
}

impl ServiceRanges {
    pub(crate) fn new(informers: &Informers, own: Ipv4Net) -> Self {
        let cidrs = informers.all::<ServiceCIDR>();
        let changed = Arc::new(Notify::new());
        let tell = changed.clone();
        cidrs.on_change(move |_| tell.notify_one());
        Self {
            own,
            cidrs,
            changed,
        }
    }

    /// Waits until there may be others than before. Cancel-safe.
    pub(crate) async fn changed(&self) {
        self.cidrs.ready().await;
        self.changed.notified().await;
    }

    /// All of them, of which none has an address of another.
    pub(crate) fn all(&self) -> Vec<Ipv4Net> {
        let cidrs = self.cidrs.list();
        let specs = cidrs.iter().filter_map(|cidr| cidr.spec.as_ref());
        let ranges = specs.flat_map(|spec| spec.cidrs.iter().flatten());
        together(self.own, ranges.filter_map(|range| range.parse().ok()))
    }
}

/// The ranges of IPv4, those that overlap or touch as one.
pub(crate) fn together(own: Ipv4Net, further: impl IntoIterator<Item = Ipv4Net>) -> Vec<Ipv4Net> {
    let all: Vec<Ipv4Net> = further.into_iter().chain([own]).collect();
    Ipv4Net::aggregate(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_one_another_are_one() {
        let own = "10.96.0.0/12".parse().expect("a range");
        let together = |further: &[&str]| {
            let further = further.iter().map(|range| range.parse().expect("a range"));
            let all = together(own, further);
            all.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(together(&[]), ["10.96.0.0/12"]);
        let further = ["10.96.0.0/12", "10.100.0.0/16", "203.0.113.0/24"];
        assert_eq!(together(&further), ["10.96.0.0/12", "203.0.113.0/24"]);
    }
}
