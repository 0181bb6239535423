//! The ServiceCIDRs: which ranges give addresses, and which must stay for the addresses that they have given (KEP-1880).

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;
use skiff_api::metadata;
use skiff_store::{Key, Precondition, Revision, Snapshot};

use super::addresses;

/// Where ServiceCIDRs are in the store.
pub(crate) const CIDRS: &str = "/registry/networking.k8s.io/servicecidrs/";

/// A ServiceCIDR as it stands.
#[derive(Clone, Debug)]
pub(crate) struct ServiceCidr {
    key: Key,
    revision: Revision,
    pub(crate) name: String,
    pub(crate) ranges: Vec<IpNet>,
    pub(crate) is_ending: bool,
    /// Nobody has said yet that it is not ready.
    is_ready: bool,
}

impl ServiceCidr {
    /// Whether it gives addresses.
    pub(super) fn is_open(&self) -> bool {
        self.is_ready && !self.is_ending
    }

    fn has(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }

    /// That nobody has changed it: it may be on its way out by now.
    pub(super) fn unchanged(&self) -> Precondition {
        Precondition::AtRevision(self.key.clone(), self.revision)
    }

    /// Whether what stands of `others` has all of its ranges.
    fn is_within(&self, others: &[&ServiceCidr]) -> bool {
        let other = || others.iter().flat_map(|other| &other.ranges);
        let mut ranges = self.ranges.iter();
        ranges.all(|range| other().any(|wider| wider.contains(range)))
    }
}

/// All that stand, in the order of their names.
pub(crate) fn all(snapshot: &Snapshot) -> Vec<ServiceCidr> {
    snapshot
        .range(CIDRS, None)
        .filter_map(|entry| {
            let object: Value = serde_json::from_slice(&entry.value).ok()?;
            let ranges = object["spec"]["cidrs"].as_array().into_iter().flatten();
            Some(ServiceCidr {
                key: entry.key.clone(),
                revision: entry.revision,
                name: metadata::name(&object).to_owned(),
                ranges: ranges
                    .filter_map(|range| range.as_str()?.parse().ok())
                    .collect(),
                is_ending: !object["metadata"]["deletionTimestamp"].is_null(),
                is_ready: is_ready(&object),
            })
        })
        .collect()
}

/// Whether an address that was given out is in this range alone, so that it has to stay.
pub(crate) fn is_needed(snapshot: &Snapshot, cidr: &ServiceCidr, all: &[ServiceCidr]) -> bool {
    let others: Vec<&ServiceCidr> = all
        .iter()
        .filter(|other| other.name != cidr.name && !other.is_ending)
        .collect();
    if cidr.is_within(&others) {
        return false;
    }
    addresses::given(snapshot).any(|address| {
        let in_another = || others.iter().any(|other| other.has(address));
        cidr.has(address) && !in_another()
    })
}

fn is_ready(cidr: &Value) -> bool {
    let conditions = cidr["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == "Ready")
        .is_none_or(|condition| condition["status"] == "True")
}
