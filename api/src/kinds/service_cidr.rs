//! ServiceCIDRs: the ranges that Services get their addresses from.

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::items;
use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, names};

/// One of each family.
const MAX_CIDRS: usize = 2;

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        subresources: describe::status(),
        ..describe::cluster(
            describe::NETWORKING,
            "ServiceCIDR",
            "servicecidrs",
            ServiceCidr,
        )
    }
}

pub(super) struct ServiceCidr;

impl Strategy for ServiceCidr {
    fn validate(&self, object: &Value) -> Errors {
        let mut errors = Errors::new();
        let cidrs = Field::root(object).get("spec").get("cidrs");
        if cidrs.is_empty() {
            errors.push(cidrs.required("at least one CIDR required"));
        }
        if cidrs.len() > MAX_CIDRS {
            errors.push(cidrs.invalid("may only hold up to 2 values"));
        }
        let families: Vec<bool> = cidrs.items().filter_map(|cidr| family(&cidr)).collect();
        if let [first, second] = families[..]
            && first == second
        {
            let words = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
            errors.push(cidrs.invalid(words));
        }
        for cidr in cidrs.items() {
            checks::must_follow(&cidr, names::cidr, &mut errors);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|object| Field::root(object).get("spec").get("cidrs"));
        let kept = new.value().as_array().is_some_and(|new| {
            let old = old.value().as_array().map_or(&[][..], Vec::as_slice);
            new.starts_with(old)
        });
        // A second family may be added, nothing else.
        if !kept {
            checks::immutable(&new, &old, &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("CIDRs", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let cidrs = items(object, "/spec/cidrs");
        vec![
            cells::name(object),
            cells::joined(cidrs, |cidr| cidr.as_str().unwrap_or_default()).into(),
            cells::age(object, now),
        ]
    }
}

/// Whether a range is one of IPv6.
fn family(cidr: &Field<'_>) -> Option<bool> {
    let range: IpNet = cidr.str().parse().ok()?;
    Some(range.addr().is_ipv6())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, update_errors};

    fn object(cidrs: &[&str]) -> Value {
        json!({
            "metadata": {"name": "kubernetes", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"cidrs": cidrs},
        })
    }

    #[test]
    fn a_range_in_the_list() {
        let row = [
            ("Name", json!("kubernetes")),
            ("CIDRs", json!("10.96.0.0/12,fd00::/108")),
            ("Age", json!("5m")),
        ];
        assert_row(&ServiceCidr, &object(&["10.96.0.0/12", "fd00::/108"]), &row);
    }

    #[test]
    fn one_range_of_each_family() {
        let cases: [(&[&str], &[&str]); 3] = [
            (&["10.96.0.0/12"], &[]),
            (
                &[],
                &["spec.cidrs: Required value: at least one CIDR required"],
            ),
            (
                &["10.0.0.0/8", "11.0.0.0/8"],
                &[
                    "spec.cidrs: Invalid value: [\"10.0.0.0/8\",\"11.0.0.0/8\"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
                ],
            ),
        ];
        for (cidrs, expected) in cases {
            assert_eq!(create_errors(&ServiceCidr, &object(cidrs)), expected);
        }
        let old = object(&["10.96.0.0/12"]);
        let more = object(&["10.96.0.0/12", "fd00::/108"]);
        assert_eq!(update_errors(&ServiceCidr, &old, &more), [""; 0]);
        assert_eq!(
            update_errors(&ServiceCidr, &old, &object(&["10.0.0.0/8"])),
            ["spec.cidrs: Invalid value: [\"10.0.0.0/8\"]: field is immutable"]
        );
    }
}
