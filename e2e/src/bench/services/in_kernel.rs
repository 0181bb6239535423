//! When the kernel had an endpoint, as the trace tells.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::objects::name;
use crate::bench::client::ApiServer;
use crate::bench::space::Space;
use crate::bench::trace::Trace;

/// The stage after which a packet finds its way.
const STAGE: &str = "in-dataplane";
/// Bounds the wait.
const WITHIN: Duration = Duration::from_secs(180);
/// Stamps tell nobody that they are there; nothing is measured while this waits.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Waits until the kernel has these endpoints, of Services by number, and returns when it had each of them, by the clock
/// of its machine. No two of them are equal.
pub(super) async fn in_kernel(
    server: &ApiServer,
    space: &Space,
    wanted: &[(u32, SocketAddrV4)],
) -> Result<HashMap<SocketAddrV4, Timestamp>> {
    let mut trace = Trace::of(server).await?;
    let subject = |(service, _): &(u32, _)| format!("{}/{}", space.name(), name(*service));
    let subjects: Vec<String> = wanted.iter().map(subject).collect();
    let reached = async {
        loop {
            let stamps = trace.stamps(&subjects).await?;
            let reached: HashMap<SocketAddrV4, Timestamp> = stamps
                .iter()
                .filter(|stamp| stamp.stage == STAGE)
                .filter_map(|stamp| Some((stamp.detail.parse().ok()?, stamp.at)))
                .collect();
            if wanted
                .iter()
                .all(|(_, endpoint)| reached.contains_key(endpoint))
            {
                return anyhow::Ok(reached);
            }
            sleep(BETWEEN_LOOKS).await;
        }
    };
    let reached = timeout(WITHIN, reached).await;
    reached.with_context(|| format!("endpoints are not in the kernel after {WITHIN:?}"))?
}
