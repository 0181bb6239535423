//! The ranges that Services have addresses from, as ServiceCIDRs come and go (KEP-1880).

use std::sync::Arc;

use ipnet::Ipv4Net;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use skiff_client::{Informer, Informers};
use tokio::sync::Notify;

/// The cluster's own range, and those of ServiceCIDRs.
pub(crate) struct ServiceRanges {
    own: Ipv4Net,
    /// Of Pods and of this node.
    others: [Ipv4Net; 2],
    cidrs: Informer<ServiceCIDR>,
    changed: Arc<Notify>,
}

impl ServiceRanges {
    /// No range that has addresses of `others` is served: they could not be reached any more.
    pub(crate) fn new(informers: &Informers, own: Ipv4Net, others: [Ipv4Net; 2]) -> Self {
        let cidrs = informers.all::<ServiceCIDR>();
        let changed = Arc::new(Notify::new());
        let tell = changed.clone();
        cidrs.on_change(move |_| tell.notify_one());
        Self {
            own,
            others,
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
        let ranges = ranges.filter_map(|range| range.parse().ok());
        together(
            self.own,
            ranges.filter(|range| is_apart(*range, &self.others)),
        )
    }
}

fn is_apart(range: Ipv4Net, others: &[Ipv4Net]) -> bool {
    let clash = others
        .iter()
        .find(|other| other.contains(&range) || range.contains(*other));
    if let Some(other) = clash {
        tracing::warn!(%range, %other, "a ServiceCIDR has addresses of nodes or Pods and is not served");
    }
    clash.is_none()
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
        let others =
            ["10.244.0.0/16", "192.168.1.5/32"].map(|range| range.parse().expect("a range"));
        let is_apart = |range: &str| is_apart(range.parse().expect("a range"), &others);
        assert!(is_apart("192.168.2.0/24") && is_apart("10.248.0.0/14"));
        assert!(
            !is_apart("192.168.1.0/24") && !is_apart("10.244.7.0/24") && !is_apart("10.0.0.0/8")
        );
        let further = ["10.96.0.0/12", "10.100.0.0/16", "203.0.113.0/24"];
        assert_eq!(together(&further), ["10.96.0.0/12", "203.0.113.0/24"]);
    }
}
