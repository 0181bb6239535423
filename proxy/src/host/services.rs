//! The ranges of Services as routes of this host, noted so that they can be taken away again.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use anyhow::Context;
use ipnet::Ipv4Net;

use super::route;
use crate::dataplane::Ranges;

/// The file in the data directory that says which ranges have routes.
const FILE: &str = "service-ranges";

/// Makes the addresses of all Services the host's own, and those of ranges that were noted before no longer.
pub(crate) async fn lead_services_here(ranges: &Ranges, data_dir: &Path) -> anyhow::Result<()> {
    let before = noted(data_dir).context("read which ranges have routes")?;
    let wanted: BTreeSet<Ipv4Net> = ranges.services.iter().copied().collect();
    // First, so that none is forgotten.
    let all = before.union(&wanted).copied().collect();
    note(data_dir, &all)?;
    for range in &wanted {
        let led = route::lead_here(*range, ranges.node).await;
        led.with_context(|| format!("route {range} to this host"))?;
    }
    for range in before.difference(&wanted) {
        let led = route::lead_nowhere(*range).await;
        led.with_context(|| format!("the route of {range}"))?;
    }
    note(data_dir, &wanted)
}

/// The ranges that have routes.
pub(crate) fn noted(data_dir: &Path) -> io::Result<BTreeSet<Ipv4Net>> {
    match std::fs::read_to_string(data_dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        text => Ok(text?.lines().filter_map(|line| line.parse().ok()).collect()),
    }
}

fn note(data_dir: &Path, ranges: &BTreeSet<Ipv4Net>) -> anyhow::Result<()> {
    let lines: String = ranges.iter().map(|range| format!("{range}\n")).collect();
    let file = data_dir.join(FILE);
    if std::fs::read_to_string(&file).is_ok_and(|known| known == lines) {
        return Ok(());
    }
    std::fs::write(&file, lines).with_context(|| format!("write {}", file.display()))
}
