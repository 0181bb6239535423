//! The row of `kubectl get ingresses`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::Column;
use crate::kinds::common::cells::{self, items, or, or_none, text};

/// The hosts that are shown.
const HOSTS: usize = 3;
/// The bytes of addresses that are shown.
const ADDRESS_WIDTH: usize = 16;

pub(super) fn columns() -> Vec<Column> {
    vec![
        cells::name_column(),
        Column::new("Class", "string"),
        Column::new("Hosts", "string"),
        Column::new("Address", "string"),
        Column::new("Ports", "string"),
        cells::age_column(),
    ]
}

pub(super) fn cells(ingress: &Value, now: Timestamp) -> Vec<Value> {
    let ports = match items(ingress, "/spec/tls") {
        [] => "80",
        _ => "80, 443",
    };
    vec![
        cells::name(ingress),
        or_none(text(ingress, "/spec/ingressClassName")).into(),
        hosts(ingress).into(),
        address(ingress).into(),
        ports.into(),
        cells::age(ingress, now),
    ]
}

/// The first hosts; rules beyond are counted, also those without a host (`formatHosts`).
fn hosts(ingress: &Value) -> String {
    let rules = items(ingress, "/spec/rules");
    let named = |rule: &Value| !text(rule, "/host").is_empty();
    let shown: Vec<&str> = rules
        .iter()
        .filter(|rule| named(rule))
        .map(|rule| text(rule, "/host"))
        .take(HOSTS)
        .collect();
    if shown.is_empty() {
        return "*".to_owned();
    }
    let full = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| named(rule))
        .nth(HOSTS - 1);
    match full {
        Some((last, _)) if last + 1 < rules.len() => {
            format!("{} + {} more...", shown.join(","), rules.len() - HOSTS)
        }
        _ => shown.join(","),
    }
}

fn address(ingress: &Value) -> String {
    let addresses = items(ingress, "/status/loadBalancer/ingress").iter();
    let unique: BTreeSet<&str> = addresses
        .map(|entry| or(text(entry, "/ip"), text(entry, "/hostname")))
        .filter(|address| !address.is_empty())
        .collect();
    let joined = unique.into_iter().collect::<Vec<_>>().join(",");
    match joined.len() > ADDRESS_WIDTH {
        true => format!(
            "{}...",
            joined.chars().take(ADDRESS_WIDTH - 3).collect::<String>()
        ),
        false => joined,
    }
}
